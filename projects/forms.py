"""What pages take in: fields, limits and the rules between fields."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _

from projects import access, archives, consents, guesses
from projects.choice_form import HowForm, OneClipForm
from projects.consents import EVIDENCE, SCOPE_LENGTH
from projects.models import AudioTrack, Project, SpeakerClip, UploadKind
from projects.models.batches import PATTERN_LENGTH
from projects.models.library import NAME_LENGTH, TITLE_LENGTH
from projects.models.memberships import INVITED_AS
from projects.uploads import MORE_CLIP_ENDINGS, MORE_TRACK_ENDINGS, limit_of
from projects.wishes import Material

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LIBRARY_SHOWN = 60
SHOWN_ABOVE = ("clip_file", "clip", "track_file", "track", "consent")  # of quick render
SHORTEST_CLIP, SHORTEST_TRACK = 0.5, 0.05  # seconds, below which the engine would refuse it anyway
CLIP_KINDS = "video/*,.mp4,.m4v,.mov,.mkv,.webm,.avi,.ts,.mpg"
TRACK_KINDS = "audio/*,video/*,.wav,.mp3,.m4a,.aac,.flac,.ogg,.opus,.wma"
LANGUAGES = (
    ("", _("Not stated")),
    ("zh", _("Chinese")),
    ("en", _("English")),
    ("ar", _("Arabic")),
    ("fr", _("French")),
    ("de", _("German")),
    ("it", _("Italian")),
    ("ja", _("Japanese")),
    ("ko", _("Korean")),
    ("pt", _("Portuguese")),
    ("ru", _("Russian")),
    ("es", _("Spanish")),
)


class MediaField(forms.FileField):
    """A file whose limits of size, kind and length the page knows too; the verb refuses in its own words.

    shortest: seconds
    """

    def __init__(self, kind: UploadKind, *, kinds: str, shortest: float, zone: bool = False, **kwargs: Any) -> None:
        endings = MORE_CLIP_ENDINGS if kind == UploadKind.CLIP else MORE_TRACK_ENDINGS
        attributes: dict[str, Any] = {"accept": kinds, "data-limit": limit_of(kind), "data-shortest": shortest}
        attributes["data-endings"] = ",".join(sorted(endings))
        if zone:
            attributes["class"] = "in-zone"
        super().__init__(widget=forms.FileInput(attrs=attributes), allow_empty_file=True, max_length=TITLE_LENGTH, **kwargs)


def _clip_field(*, required: bool = True, zone: bool = False) -> MediaField:
    kind = UploadKind.CLIP
    return MediaField(kind, label=_("Video"), kinds=CLIP_KINDS, shortest=SHORTEST_CLIP, required=required, zone=zone)


def _track_field(*, required: bool = True, zone: bool = False) -> MediaField:
    kind = UploadKind.TRACK
    return MediaField(kind, label=_("Voice"), kinds=TRACK_KINDS, shortest=SHORTEST_TRACK, required=required, zone=zone)


def _consent_field(*, required: bool = True) -> forms.BooleanField:
    return forms.BooleanField(
        label=_("This person agreed to videos being made of this take"),
        required=required,
        help_text=_("Kept as their consent. A paper or a recording of it can be added on the lecturer's page."),
        widget=forms.CheckboxInput(attrs={"data-consent": _("Ask the person first, then tick this."), "autocomplete": "off"}),
        error_messages={"required": _("Ask the person first, then tick this.")},
    )


class QuickRenderForm(OneClipForm):
    """A video and a voice, each a new file or one of the library."""

    clip_file = _clip_field(required=False, zone=True)
    clip = forms.ModelChoiceField(label=_("Video"), queryset=SpeakerClip.objects.none(), required=False)
    track_file = _track_field(required=False, zone=True)
    track = forms.ModelChoiceField(label=_("Voice"), queryset=AudioTrack.objects.none(), required=False)
    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        required=False,
        empty_label=None,
        help_text=_("Where new files are kept."),
    )
    lecturer = forms.CharField(
        label=_("Lecturer"),
        max_length=NAME_LENGTH,
        required=False,
        help_text=_("Who speaks in a new video. It can stay empty."),
    )
    language = forms.ChoiceField(
        label=_("Language of a new voice"), choices=LANGUAGES, required=False, help_text=_("Kept with the voice.")
    )
    consent = _consent_field(required=False)

    def __init__(self, user: User | AnonymousUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices: dict[str, QuerySet[Any]] = {
            "clip": access.clips_of(user, editable=True),
            "track": access.tracks_of(user, editable=True),
            "project": access.editable_projects_of(user),
        }
        for name, rows in self.choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = rows

    @property
    def clips(self) -> list[SpeakerClip]:
        """Those to pick from."""
        return self._shown("clip")

    @property
    def tracks(self) -> list[AudioTrack]:
        """Those to pick from."""
        return self._shown("track")

    @property
    def more_has_errors(self) -> bool:
        """Whether the folded fields must be shown."""
        return any(name in self.errors for name in self.fields if name not in SHOWN_ABOVE)

    def _shown(self, name: str) -> list[Any]:
        """The newest ones to pick from, and the one that is picked beforehand, however old it is."""
        rows = self.choices[name]
        newest = list(rows[:LIBRARY_SHOWN])
        picked = str(self[name].value() or "")
        if picked and picked not in {str(row.pk) for row in newest}:
            with contextlib.suppress(forms.ValidationError):  # not even an id
                newest += rows.filter(pk=picked)
        return newest

    def clean(self) -> dict[str, Any]:
        """One video, one voice, and both of one project."""
        data = super().clean() or {}
        self._one_of("clip", _("Choose a video: drop a file or pick one from the library."))
        self._one_of("track", _("Choose a voice: drop a file or pick one from the library."))
        clip, track = data.get("clip"), data.get("track")
        unasked = self.new_clip() or (clip and consents.standing(clip.speaker).state == "missing")
        if unasked and not data.get("consent"):
            self.add_error("consent", _("Ask the person first, then tick this."))
        if clip and track and clip.speaker.project_id != track.project_id:
            self.add_error("track", _("This voice belongs to another project than the video. Pick one of the same."))
        return data

    def _one_of(self, name: str, sentence: Any) -> None:
        if name in self.errors or f"{name}_file" in self.errors:
            return
        if not self.cleaned_data.get(name) and self.cleaned_data.get(f"{name}_file") is None:
            self.add_error(f"{name}_file", sentence)

    def chosen_project(self) -> Project | None:
        """The project of the library item that was picked, else the one chosen in the form."""
        clip, track = self.cleaned_data.get("clip"), self.cleaned_data.get("track")
        chosen: Project | None = self.cleaned_data.get("project")
        if clip:
            chosen = clip.speaker.project
        elif track:
            chosen = track.project
        return chosen

    def new_clip(self) -> UploadedFile[Any] | None:
        """The video to take in, if none of the library was picked."""
        return None if self.cleaned_data.get("clip") else self.cleaned_data.get("clip_file")

    def new_track(self) -> UploadedFile[Any] | None:
        """The voice to take in, if none of the library was picked."""
        return None if self.cleaned_data.get("track") else self.cleaned_data.get("track_file")


class WishForm(OneClipForm):
    """What is chosen on quick render so far, for an estimate: nothing of it has to be there.

    clip_seconds, clip_width, clip_height, track_seconds: of files that have not arrived yet, as the browser measures them
    """

    clip = forms.ModelChoiceField(queryset=SpeakerClip.objects.none(), required=False)
    track = forms.ModelChoiceField(queryset=AudioTrack.objects.none(), required=False)
    clip_seconds = forms.FloatField(min_value=0, required=False)
    clip_width = forms.IntegerField(min_value=1, required=False)
    clip_height = forms.IntegerField(min_value=1, required=False)
    track_seconds = forms.FloatField(min_value=0, required=False)

    def __init__(self, user: User | AnonymousUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (("clip", access.clips_of(user, editable=True)), ("track", access.tracks_of(user, editable=True))):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = rows

    def material(self) -> Material | None:
        """What is known of clip and voice; None while it is not enough."""
        data = self.cleaned_data
        clip, track = data["clip"], data["track"]
        if clip and track:
            return Material.of(clip, track)
        width, height = (clip.width, clip.height) if clip else (data["clip_width"], data["clip_height"])
        clip_seconds = clip.duration if clip else data["clip_seconds"]
        voice_seconds = track.duration if track else data["track_seconds"]
        if not (width and height and clip_seconds and voice_seconds):
            return None
        return Material(width, height, clip_seconds, voice_seconds, clip.sha256 if clip else "")


class ClipForm(forms.Form):
    """A new clip of a lecturer, who may be new."""

    clip_file = _clip_field(zone=True)
    lecturer = forms.CharField(label=_("Lecturer"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"list": "lecturers"}))
    title = forms.CharField(
        label=_("Title"), max_length=TITLE_LENGTH, required=False, help_text=_("Left empty: the file's name.")
    )
    consent = _consent_field()


class VoiceForm(forms.Form):
    """A new voice."""

    track_file = _track_field(zone=True)
    title = forms.CharField(
        label=_("Title"), max_length=TITLE_LENGTH, required=False, help_text=_("Left empty: the file's name.")
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, required=False)


class BatchForm(HowForm):
    """What a batch is called and how its videos are made; its cells are ticked in the grid."""

    name = forms.CharField(
        label=_("Name"), max_length=TITLE_LENGTH, required=False, help_text=_("Left empty: the day and time.")
    )
    name_pattern = forms.CharField(
        label=_("File names in the ZIP"),
        max_length=PATTERN_LENGTH,
        required=False,
        help_text=format_lazy(
            _("Fields: {fields}. Left empty: {usual}"),
            fields=" ".join(f"{{{name}}}" for name in archives.FIELDS),
            usual=archives.USUAL_PATTERN,
        ),
    )

    @property
    def more_has_errors(self) -> bool:
        """Whether the folded fields must be shown: all of them are, those of the grid are none of the form's."""
        return any(name in self.errors for name in self.fields)


class LecturerForm(forms.Form):
    """A new lecturer."""

    name = forms.CharField(label=_("Lecturer's name"), max_length=NAME_LENGTH)


class LecturerChanges(LecturerForm):
    """What a lecturer is called, and tags between commas."""

    tags = forms.CharField(label=_("Tags, separated by commas"), max_length=1000, required=False)

    def words(self) -> list[str]:
        """One by one; Chinese commas separate too."""
        return [word for word in re.split(r"[,，、;；]", self.cleaned_data["tags"]) if word.strip()]


class ConsentForm(forms.Form):
    """Who agreed to what."""

    given_by = forms.CharField(
        label=_("Who agreed"), max_length=NAME_LENGTH, help_text=_("The lecturer, or who may sign for them.")
    )
    scope = forms.CharField(
        label=_("To what"),
        max_length=SCOPE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For example: videos of this course in any language."),
    )
    given_on = forms.DateField(label=_("When"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    expires_on = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The last day on which it holds. Left empty: until it is withdrawn."),
    )
    evidence = forms.FileField(
        label=_("Evidence"),
        required=False,
        max_length=TITLE_LENGTH,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ",".join(EVIDENCE)}),
        help_text=_("A signed paper or a recording: PDF, picture, video or sound, up to 20 MB."),
    )


class RoleForm(forms.Form):
    """What somebody may do in a project."""

    role = forms.ChoiceField(label=_("Role"), choices=[(role.value, capfirst(role.label)) for role in INVITED_AS])


class ProjectForm(forms.Form):
    """A new project."""

    name = forms.CharField(label=_("Project's name"), max_length=NAME_LENGTH)


class SignInForm(AuthenticationForm):
    """Name and password, at a pace that makes guessing hopeless. `wait`: seconds, when it came too early"""

    wait = 0

    username = UsernameField(label=_("User name"), widget=forms.TextInput(attrs={"autofocus": True}))

    def clean(self) -> dict[str, Any]:
        """The password is right, and not one of too many."""
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password") or self.request is None:
            return super().clean()
        try:
            guesses.count(self.request, name)
        except guesses.TooManyGuesses as refusal:
            self.wait = refusal.wait
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal
        data = super().clean()
        guesses.forgive(self.request, name)
        return data


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    """The same at the admin's own door."""


class SetUpForm(forms.Form):
    """The first account."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least 10 characters, not only digits."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    repeated = forms.CharField(label=_("Password again"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))

    def clean_repeated(self) -> str:
        """Both passwords are the same."""
        repeated: str = self.cleaned_data["repeated"]
        if repeated != self.cleaned_data.get("password"):
            raise forms.ValidationError(_("The two passwords differ."))
        return repeated
