"""Everything that can go wrong, as one tree.

AvatarError
├── InputError                     the caller can mend it; a retry cannot
│   ├── InvalidRequest             invalid_request
│   ├── AddressRefused             address_refused
│   ├── InputNotFetched            input_not_fetched
│   │   └── InputUnavailable       input_unavailable     (a retry can help)
│   ├── PortraitError
│   │   ├── UnreadableImage        image_unreadable
│   │   ├── UnsupportedImage       image_unsupported
│   │   ├── ImageTooLarge          image_too_large
│   │   ├── NoFaceFound            face_not_found
│   │   ├── FaceTooSmall           face_too_small
│   │   ├── FaceTurned             face_turned
│   │   ├── FaceBlurred            face_blurred
│   │   ├── NotAHuman              face_not_human
│   │   └── FaceIndexOutOfRange    face_index_out_of_range
│   ├── AudioError
│   │   ├── UnreadableAudio        audio_unreadable
│   │   ├── NoAudioTrack           audio_no_track
│   │   ├── EmptyAudio             audio_empty
│   │   ├── SilentAudio            audio_silent
│   │   ├── ClippedAudio           audio_clipped
│   │   ├── InvalidSamples         audio_invalid_samples
│   │   ├── AudioTooLong           audio_too_long
│   │   └── AudioTooLarge          audio_too_large
│   ├── ScriptError
│   │   ├── EmptyScript            script_empty
│   │   ├── ScriptTooLong          script_too_long
│   │   ├── UnknownVoice           voice_unknown
│   │   └── ScriptRefused          script_refused
│   ├── ConsentError
│   │   ├── ConsentMissing         consent_missing
│   │   └── ConsentWithdrawn       consent_withdrawn
│   └── OutputError
│       ├── OutputNotWritable      output_not_writable
│       └── DiskFull               disk_full
├── SetupError                     the operator can mend it
│   ├── MissingModels              models_missing
│   ├── WeightsError
│   │   ├── MissingWeights         weights_missing
│   │   ├── WeightsRefused         weights_refused
│   │   └── LicenceRefused         licence_refused
│   ├── EngineUnusable             engine_unusable
│   ├── MissingKey                 key_missing
│   ├── MissingDependency          dependency_missing
│   └── PrefectFailed              prefect_failed
├── ServiceError                   another system failed us
│   ├── ServiceUnavailable         service_unavailable   (a retry can help)
│   ├── RateLimited                service_rate_limited  (a retry can help, after retry_after_s)
│   └── ServiceRefused             service_refused
├── RenderError                    we failed
│   ├── SpeechFailed               speech_failed         (a retry can help)
│   ├── EncodeFailed               encode_failed         (a retry can help)
│   ├── OutOfMemory                out_of_memory
│   ├── SegmentFailed              segment_failed
│   ├── RunFailed                  run_failed
│   └── MissingFile                file_missing
├── RowsFailed                     rows_failed
└── BelowTheBar                    quality_below_bar
"""

from typing import ClassVar


class AvatarError(Exception):
    """Its text names the value and the remedy; `code` is stable and may be programmed against."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class InputError(AvatarError):
    code = "invalid_input"


class InvalidRequest(InputError):
    code = "invalid_request"


class AddressRefused(InputError):
    """A caller's address that must not be called: it is not of the public internet."""

    code = "address_refused"


class InputNotFetched(InputError):
    """What a caller's address names does not come, or not as what was asked for."""

    code = "input_not_fetched"


class InputUnavailable(InputNotFetched):
    code = "input_unavailable"
    retryable = True


class PortraitError(InputError):
    code = "portrait_invalid"


class UnreadableImage(PortraitError):
    code = "image_unreadable"


class UnsupportedImage(PortraitError):
    code = "image_unsupported"


class ImageTooLarge(PortraitError):
    code = "image_too_large"


class NoFaceFound(PortraitError):
    code = "face_not_found"


class FaceTooSmall(PortraitError):
    code = "face_too_small"


class FaceTurned(PortraitError):
    code = "face_turned"


class FaceBlurred(PortraitError):
    code = "face_blurred"


class NotAHuman(PortraitError):
    code = "face_not_human"


class FaceIndexOutOfRange(PortraitError):
    code = "face_index_out_of_range"


class AudioError(InputError):
    code = "audio_invalid"


class UnreadableAudio(AudioError):
    code = "audio_unreadable"


class NoAudioTrack(AudioError):
    code = "audio_no_track"


class EmptyAudio(AudioError):
    code = "audio_empty"


class SilentAudio(AudioError):
    code = "audio_silent"


class ClippedAudio(AudioError):
    code = "audio_clipped"


class InvalidSamples(AudioError):
    code = "audio_invalid_samples"


class AudioTooLong(AudioError):
    code = "audio_too_long"


class AudioTooLarge(AudioError):
    code = "audio_too_large"


class ScriptError(InputError):
    code = "script_invalid"


class EmptyScript(ScriptError):
    code = "script_empty"


class ScriptTooLong(ScriptError):
    code = "script_too_long"


class UnknownVoice(ScriptError):
    code = "voice_unknown"


class ScriptRefused(ScriptError):
    """The words must not be said, by the operator's rules."""

    code = "script_refused"


class ConsentError(InputError):
    """Whoever is shown has not agreed, as far as we know."""

    code = "consent"


class ConsentMissing(ConsentError):
    code = "consent_missing"


class ConsentWithdrawn(ConsentError):
    code = "consent_withdrawn"


class OutputError(InputError):
    code = "output_invalid"


class OutputNotWritable(OutputError):
    code = "output_not_writable"


class DiskFull(OutputError):
    code = "disk_full"


class SetupError(AvatarError):
    code = "setup"


class MissingModels(SetupError):
    code = "models_missing"


class WeightsError(SetupError):
    code = "weights"


class MissingWeights(WeightsError):
    code = "weights_missing"


class WeightsRefused(WeightsError):
    """A file that is not what it should be: other keys, another hash, code inside."""

    code = "weights_refused"


class LicenceRefused(WeightsError):
    """A commercial request, and weights that are for research only."""

    code = "licence_refused"


class EngineUnusable(SetupError):
    """A library or a device that an engine needs is not there, or it computes something else."""

    code = "engine_unusable"


class MissingKey(SetupError):
    code = "key_missing"


class MissingDependency(SetupError):
    code = "dependency_missing"


class StoreUnusable(SetupError):
    """The bucket, or our right to it, is not there."""

    code = "store_unusable"


class PrefectFailed(SetupError):
    """The local orchestration API cannot be started."""

    code = "prefect_failed"


class ServiceError(AvatarError):
    code = "service"


class ServiceUnavailable(ServiceError):
    code = "service_unavailable"
    retryable = True


class RateLimited(ServiceError):
    code = "service_rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServiceRefused(ServiceError):
    code = "service_refused"


class RenderError(AvatarError):
    code = "render"


class SpeechFailed(RenderError):
    code = "speech_failed"
    retryable = True


class EncodeFailed(RenderError):
    code = "encode_failed"
    retryable = True


class OutOfMemory(RenderError):
    """Not even one frame fits into the device's memory."""

    code = "out_of_memory"


class SegmentFailed(RenderError):
    """A part of a video, rendered elsewhere, did not arrive."""

    code = "segment_failed"


class RunFailed(RenderError):
    """A run elsewhere ended without a video: cancelled, crashed, or by an unforeseen error."""

    code = "run_failed"


class MissingFile(RenderError):
    """A stored file that a stage counted on is gone."""

    code = "file_missing"


class RowsFailed(AvatarError):
    """Some rows of a batch made no video; the others did."""

    code = "rows_failed"


class BelowTheBar(AvatarError):
    """The quality gate refused the finished video."""

    code = "quality_below_bar"
