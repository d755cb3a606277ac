"""How each paper measured, by name: settings that reproduce it, and in words all that is odd about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speech2img.errors import MetricError

if TYPE_CHECKING:
    from speech2img.metrics.functional.inception_score import Order

WITH_CLASSES = ("cub", "oxford102")
WITHOUT_CLASSES = ("flickr8k", "places")


@dataclass(frozen=True, kw_only=True)
class InceptionScoreRule:
    """How a protocol computes the Inception Score; the fields are options of ``inception_score``."""

    corpora: tuple[str, ...] = ()
    """For which; empty: all others."""
    classifier: str
    """"fine-tuned" (StackGAN's, on the test classes), "torchvision" (1,000 ImageNet classes) or "fid" (1,008)."""
    num_splits: int = 10
    order: "Order" = "shuffled"
    whole_batches_of: int = 1
    leave_out_first: int = 0
    equal_splits: bool = False


@dataclass(frozen=True, kw_only=True)
class FrechetRule:
    """How a protocol computes FID."""

    layer: str = "pool2048"
    input_filter: str = "legacy"
    """Name in ``inception_input.INPUT_FILTERS``."""
    squash: int | None = None
    """Both sides are first squashed to squares of this side, whatever their shape."""
    real_images: str = "test"
    """"test" or "all" pictures of the corpus."""
    real_crop: str = "box"
    """"box": to the bounding box as in training, where there is one; "none": whole photographs."""
    allow_small: bool = True
    """Whether no more pictures than dimensions are allowed, with a warning."""


@dataclass(frozen=True, kw_only=True)
class RetrievalRule:
    """How a protocol ranks pictures: recall between real and generated ones, mAP by class."""

    ks: tuple[int, ...] = (1, 5, 10, 50)
    directions: tuple[str, ...] = ("real_to_generated", "generated_to_real")
    build: str = "torchvision"
    """Whose 2,048 pooled features, compared by cosine: "torchvision" or "fid", of ImageNet both."""
    input_filter: str = "centre"
    """Name in ``inception_input.INPUT_FILTERS``; the weights expect -1..1, which "centre-unit" does not give."""
    queries_per_class: Mapping[str, int] | None = None
    """By corpus: for mAP so many pictures of a class are queries, against what was generated of them; None: all."""
    whole_batches_of: int = 1


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way of measuring that has a name."""

    name: str
    title: str
    source: str
    num_generated: str
    """Which and how many pictures are generated, in words."""
    images_per_caption: int = 1
    fresh_noise: str = "caption"
    """"caption": each caption has its own noise; "picture": all captions of a picture share theirs."""
    inception_scores: tuple[InceptionScoreRule, ...]
    frechet: FrechetRule
    retrieval: RetrievalRule | None = None
    kernel_subsets: tuple[int, int] | None = None
    """Number and size of the subsets of the kernel distance; None: the papers have none."""
    upright: bool = False
    """Whether photographs are turned as the orientation tag of their camera says; published code does not."""
    quirks: tuple[str, ...]
    """All that a reader must know, one sentence each; the report prints them."""

    def inception_score(self, corpus: str) -> InceptionScoreRule:
        """The rule for a corpus."""
        named = (rule for rule in self.inception_scores if corpus in rule.corpora)
        rule = next(named, None) or next((rule for rule in self.inception_scores if not rule.corpora), None)
        if rule is None:
            raise MetricError.about(
                f"protocol {self.name}", f"the paper has no Inception Score of {corpus}", "choose --protocol clean"
            )
        return rule

    def describe(self) -> list[str]:
        """Lines for a report: title, source, pictures, every quirk."""
        return [f"{self.title} ({self.source}): {self.num_generated}.", *self.quirks]


_FINE_TUNED = (
    "Inception Score on birds and flowers: Inception-v3 fine-tuned on the test classes (50 birds or 20 "
    "flowers, and a background class that is dropped before the softmax), pictures shuffled, 10 splits; its "
    "weights are no longer available, so the numbers of another classifier are not comparable with it."
)
_LAST_BATCH = "The pictures that do not fill the last batch of 64 are dropped."
_AS_STORED = "Photographs are read as stored: the orientation tag of their camera is not applied."
_LEGACY_FID = "FID: resized to 299 px bilinearly without antialiasing, 2,048 dimensions."

PROTOCOLS: Mapping[str, Protocol] = {
    "stackgan": Protocol(
        name="stackgan",
        title="StackGAN and StackGAN++",
        source="Zhang et al. 2017 and 2018, arXiv:1710.10916",
        num_generated="about 30,000 pictures of randomly chosen test captions (recalled, not in the released code)",
        inception_scores=(InceptionScoreRule(classifier="fine-tuned", whole_batches_of=64, leave_out_first=1),),
        frechet=FrechetRule(),
        quirks=(
            _FINE_TUNED,
            _LAST_BATCH,
            "The shuffle has no seed, so users measure 4.15 to 4.17 where 4.36 was published; here it has one.",
            "Real test pictures score 22.7 and training pictures 5.1 with that classifier: it knows the test "
            "classes, so the score rewards pictures that look like one species, whichever was asked for.",
            _LEGACY_FID + " Real pictures cropped as in training (recalled).",
            _AS_STORED,
        ),
    ),
    "s2igan": Protocol(
        name="s2igan",
        title="S2IGAN",
        source="Wang et al. 2020, arXiv:2005.06968, released code",
        num_generated="one picture for every caption of every test picture (CUB 29,330, Oxford-102 11,550, Flickr8k "
        "4,970, Places 2,779)",
        fresh_noise="picture",
        inception_scores=(
            InceptionScoreRule(corpora=WITH_CLASSES, classifier="fine-tuned", whole_batches_of=64, leave_out_first=1),
            InceptionScoreRule(corpora=WITHOUT_CLASSES, classifier="torchvision", order="sorted", equal_splits=True),
        ),
        frechet=FrechetRule(),
        retrieval=RetrievalRule(
            directions=("real_to_generated",), input_filter="centre-unit", queries_per_class={"cub": 2, "oxford102": 2}
        ),
        quirks=(
            "The noise is drawn once a batch and shared by all captions of a picture, which hides variety.",
            _FINE_TUNED,
            _LAST_BATCH,
            "Inception Score on Flickr8k and Places: torchvision's ImageNet Inception-v3, 10 contiguous splits in "
            "the order of the files, not shuffled; the rest after the tenth split is dropped.",
            _LEGACY_FID + " All generated pictures against the real test pictures; the script itself was not released.",
            "mAP: 100 (CUB) or 40 (Oxford-102) real pictures are queries, 2 of each test class, against their own "
            "1,000 or 400 generated pictures; same class counts as relevant, 20 a query: chance is 2 to 5 %.",
            "Recall at K: a real picture looks for its own generated ones (5 on Flickr8k, 1 on Places); a hit if "
            "any of them is among the first K, so chance grows with captions a picture (about 4.9 % for R@50 on "
            "Flickr8k).",
            "In both retrieval scripts the shorter side is scaled to 299 px and the middle square cut out, "
            "features are compared by cosine, and pixels are in 0..1 though the Inception weights expect -1..1.",
            _AS_STORED,
        ),
    ),
    "sta": Protocol(
        name="sta",
        title="Speak the Art (S2IVQ-D)",
        source="released code, farida752/Speak-The-Art",
        num_generated="one picture a test caption",
        inception_scores=(InceptionScoreRule(classifier="torchvision", order="sorted", equal_splits=True),),
        frechet=FrechetRule(squash=256, real_images="all", real_crop="none"),
        retrieval=RetrievalRule(directions=("real_to_generated",), input_filter="centre-unit", whole_batches_of=7),
        quirks=(
            "Inception Score with torchvision's ImageNet Inception-v3 even on CUB, 10 splits: 4.07 on CUB is not "
            "comparable with the 4.x of the fine-tuned classifier.",
            "FID: both sides are first squashed to 256 x 256 by PIL, whatever their shape; real birds are not "
            "cropped to their box.",
            "FID: the real set is the whole folder of pictures (CUB: all 11,788, training pictures included), so "
            "the number also rewards remembering the training set.",
            "R@50 with S2IGAN's script in batches of 7; pictures that do not fill the last batch are dropped; "
            "pixels in 0..1 though the weights expect -1..1.",
            _AS_STORED,
        ),
    ),
    "clean": Protocol(
        name="clean",
        title="Recommended here",
        source="clean-fid's resizing, arXiv:2104.11222",
        num_generated="one picture a test caption, fresh noise for each, PNG",
        inception_scores=(InceptionScoreRule(classifier="fid"),),
        frechet=FrechetRule(input_filter="clean", allow_small=False),
        retrieval=RetrievalRule(build="fid"),
        kernel_subsets=(100, 1000),
        upright=True,
        quirks=(
            "Resized to 299 px by PIL's antialiased bicubic filter in float: no number of the 'legacy' filter is "
            "comparable.",
            "Real pictures: the test pictures, cropped as in training; never training pictures.",
            "FID is refused where there are no more pictures than dimensions; KID stands beside it always.",
            "Inception Score over 1,008 ImageNet classes, shuffled by a seed, 10 splits: on CUB about 4 to 6, not "
            "comparable with the fine-tuned classifier's.",
            "Retrieval in both directions against the whole gallery, pixels in -1..1 as the weights expect; ties "
            "count against the model.",
            "Photographs are turned upright as the orientation tag of their camera says; clean-fid itself does not.",
        ),
    ),
    "pytorch-fid": Protocol(
        name="pytorch-fid",
        title="pytorch-fid",
        source="released code, mseitzer/pytorch-fid",
        num_generated="any two folders",
        inception_scores=(InceptionScoreRule(classifier="fid"),),
        frechet=FrechetRule(real_crop="none"),
        quirks=(
            _LEGACY_FID,
            "No crop: pictures of a folder are read whole, each straight to 299 px.",
            "Where there are no more pictures than dimensions the distance is computed all the same, with a warning.",
            "It has no Inception Score itself; here that is over 1,008 ImageNet classes, shuffled, 10 splits.",
            _AS_STORED,
        ),
    ),
    "dfgan": Protocol(
        name="dfgan",
        title="DF-GAN",
        source="Tao et al. 2022, arXiv:2008.05865 (recalled, its code was not read here)",
        num_generated="about 30,000 pictures of test captions, 256 px (recalled)",
        inception_scores=(InceptionScoreRule(classifier="fine-tuned", whole_batches_of=64, leave_out_first=1),),
        frechet=FrechetRule(),
        quirks=(
            "FID against stored statistics of the test pictures at 256 px, cropped as in training (recalled); which "
            "pictures those were cannot be told from the file, and users measure other numbers with their own folder.",
            _LEGACY_FID,
            _FINE_TUNED,
            _AS_STORED,
        ),
    ),
}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name; MetricError lists the names if there is none."""
    try:
        return PROTOCOLS[name]
    except KeyError:
        raise MetricError.about(f"protocol {name!r}", "unknown", f"choose {', '.join(PROTOCOLS)}") from None
