"""A course in several languages, from takes and voices that lie in folders. Run it again: only what is new is made.

    pip install ./client
    heygem login http://127.0.0.1:7860
    python examples/three_languages.py "Statistics" course/ results/

    course/takes/welcome.mp4    course/voices/de/welcome.wav    course/voices/es/welcome.wav    course/voices/fr/welcome.wav
    course/takes/lesson1.mp4    course/voices/de/lesson1.wav    ...

Each voice goes to the take of its name. The person filmed must have agreed to videos being made of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from heygem_client import Cell, Studio, require_videos, showing, signing_in

title, course, results = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
who = signing_in.kept()  # or the variables HEYGEM_URL and HEYGEM_TOKEN
with Studio(who.url, who.token, bar=showing.bars()) as studio:
    project = studio.project(title, make=True)
    takes = {
        path.stem: studio.upload(path, project=project, lecturer="Ada", consent=True)
        for path in sorted((course / "takes").iterdir())
    }
    cells = []
    for path in sorted((course / "voices").glob("*/*")):
        language = path.parent.name
        voice = studio.upload(path, project=project, kind="voice", title=f"{path.stem} {language}", language=language)
        cells.append(Cell(takes[path.stem], voice, name=f"{path.stem}_{language}"))
    made = studio.batch(cells, name=title)
    sys.stderr.write(f"{len(made.jobs)} videos, {made.new} of them new.\n")
    done = studio.wait(made.jobs)
    for path in studio.download(done, results, names=[cell.name for cell in cells]):
        sys.stdout.write(f"{path}\n")
    require_videos(done)
