"""Which images ECR's lifecycle policy lets expire."""

from fnmatch import fnmatchcase

from components.platform.image_repository import KEPT_BUILDS, KEPT_RELEASES, LIFECYCLE

Images = dict[str, list[str]]
"""Image → its tags, in the order of their pushes."""


def expired(images: Images) -> set[str]:
    """As ECR judges: the first rule that an image fits is the only one that may let it expire; age is the push's.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    left, gone = dict(images), set[str]()
    for rule in sorted(LIFECYCLE["rules"], key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        assert (selection["countType"], rule["action"]) == ("imageCountMoreThan", {"type": "expire"})
        fits = [
            image
            for image, tags in left.items()
            if all(any(fnmatchcase(tag, pattern) for tag in tags) for pattern in selection["tagPatternList"])
        ]
        gone.update(fits[: max(0, len(fits) - selection["countNumber"])])
        for image in fits:
            del left[image]
    return gone


def releases(count: int) -> Images:
    """Each built and released, the last one live."""
    images = {f"image-{n}": [f"content-{n}", f"release-{n}"] for n in range(1, count + 1)}
    images[f"image-{count}"].append("live")
    return images


def test_the_last_releases_stay() -> None:
    assert expired(releases(KEPT_RELEASES + 1)) == set(), "the live one is counted for itself"
    assert expired(releases(KEPT_RELEASES + 3)) == {"image-1", "image-2"}


def test_an_old_image_that_is_live_again_stays() -> None:
    """Deployed by its digest, after a hundred that were pushed later."""
    images: Images = {"old": ["content-old"], **releases(KEPT_RELEASES)}
    images[f"image-{KEPT_RELEASES}"].remove("live")
    images["old"] += ["release-101", "live"]
    assert expired(images) == set()


def test_what_is_pushed_and_not_released_stays_while_it_is_among_the_last() -> None:
    builds = {f"build-{n}": [f"content-b{n}"] for n in range(1, KEPT_BUILDS + 2)}
    assert expired({**releases(3), **builds}) == {"build-1"}


def test_what_has_no_tag_of_ours_stays() -> None:
    """The platforms' images of an index have none."""
    assert expired({f"child-{n}": [] for n in range(300)}) == set()
