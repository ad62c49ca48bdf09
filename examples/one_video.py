"""One take and one voice become one video. Run it again: it makes nothing new.

    pip install ./client
    heygem login http://127.0.0.1:7860
    python examples/one_video.py lecturer.mp4 spanish.wav results/

The person filmed must have agreed to videos being made of them.
"""

from __future__ import annotations

import sys

from heygem_client import Studio, require_videos, showing, signing_in

take, voice, folder = sys.argv[1:]
who = signing_in.kept()  # or the variables HEYGEM_URL and HEYGEM_TOKEN
with Studio(who.url, who.token, bar=showing.bars()) as studio:
    project = studio.project()
    clip = studio.upload(take, project=project, lecturer="Ada", consent=True)
    spoken = studio.upload(voice, project=project, kind="voice", language="es")
    done = studio.wait([studio.render(clip, spoken)])
    require_videos(done)
    sys.stdout.write(f"{studio.download(done, folder)[0]}\n")
