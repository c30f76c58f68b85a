"""Where a token lands on the map."""

import numpy as np
import pytest

from soundclip_demo import atlas
from soundclip_demo.landscape import LOTS, MARGIN, PITCH, SOFTENED, A, B, Landscape, nearness
from soundclip_demo.search import FlatIndex, Neighbours

CLUSTERS, EACH, WIDTH = 5, 16, 32


@pytest.fixture(scope="module")
def clustered() -> tuple[np.ndarray, np.ndarray]:
    """Tokens of a gallery of `CLUSTERS`, and of sounds that belong to one or lie between two of them."""
    random = np.random.default_rng(0)
    middles = random.normal(size=(CLUSTERS, WIDTH))
    clips = np.repeat(middles, EACH, axis=0) + 0.6 * random.normal(size=(CLUSTERS * EACH, WIDTH))
    shares = random.dirichlet([0.3] * CLUSTERS, size=60)
    sounds = shares @ middles + 0.6 * random.normal(size=(60, WIDTH))
    return clips.astype(np.float32), sounds.astype(np.float32)


@pytest.fixture(scope="module")
def fitted(clustered: tuple[np.ndarray, np.ndarray]):
    return atlas.fitted(clustered[0])


def nearest(clips: np.ndarray, token: np.ndarray) -> Neighbours:
    return FlatIndex(clips).search(token, atlas.NEIGHBOURS)


def test_a_token_lands_where_umap_puts_it(clustered: tuple[np.ndarray, np.ndarray], fitted) -> None:
    """UMAP draws lots, and now and then they end in another dip."""
    clips, sounds = clustered
    landscape = Landscape(fitted.embedding_)
    theirs = np.array([fitted.transform(sound[None])[0] for sound in sounds])
    ours = np.array([landscape.place(nearest(clips, sound)) for sound in sounds])
    away = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(np.ptp(fitted.embedding_, axis=0))
    assert np.median(away) < 0.01
    assert np.quantile(away, 0.7) < 0.03


def test_the_numbers_that_are_umaps_are_umaps(fitted) -> None:
    assert (fitted._a, fitted._b) == pytest.approx((A, B), abs=1e-4)
    assert (fitted.negative_sample_rate, fitted.repulsion_strength) == (LOTS, 1)


def test_no_place_in_reach_has_a_lower_loss(clustered: tuple[np.ndarray, np.ndarray], fitted) -> None:
    """The loss is added up here clip by clip, without a grid, a table or a convolution."""
    clips, sounds = clustered
    places = fitted.embedding_.astype(float)
    low, high = places.min(axis=0), places.max(axis=0)
    anywhere = np.random.default_rng(1).uniform(low, high, size=(2000, 2))
    landscape = Landscape(fitted.embedding_)
    for sound in sounds[:10]:
        found = nearest(clips, sound)
        pulls = nearness(1 - found.scores)

        def loss(at: np.ndarray, found=found, pulls=pulls) -> np.ndarray:
            r = np.linalg.norm(at[:, None] - places, axis=2)
            pulled = np.log1p(A * r[:, found.ids] ** (2 * B)) @ pulls
            return pulled + LOTS * pulls.sum() * pushed(r).mean(axis=1)

        assert loss(np.array([landscape.place(found)]))[0] < loss(anywhere).min() + 0.05


def pushed(r: np.ndarray) -> np.ndarray:
    """What remains of a push's loss at a distance: its integral from there to far away, by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    along = (nodes + 1) / 2  # of the logarithm of the distance, which is steep near a clip
    start = np.log(np.maximum(r, 1e-3))[..., None]
    reach = np.log(40) - start
    x = np.exp(start + along * reach)
    push = 2 * B * x / ((SOFTENED + x**2) * (1 + A * x ** (2 * B)))
    return (push * x * weights / 2 * reach).sum(axis=-1)


def test_a_token_of_a_cluster_lands_in_it(clustered: tuple[np.ndarray, np.ndarray], fitted) -> None:
    clips, _ = clustered
    middles = fitted.embedding_.reshape(CLUSTERS, EACH, 2).mean(axis=1)
    for number in range(CLUSTERS):
        token = clips[number * EACH : (number + 1) * EACH].mean(axis=0)
        at = Landscape(fitted.embedding_).place(nearest(clips, token))
        away = np.linalg.norm(middles - at, axis=1)
        assert away[number] == away.min() < 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_where_clips_are_too_few_for_a_map_a_token_lands_on_the_best(size: int) -> None:
    line = np.stack([np.arange(size), np.zeros(size)], axis=1).astype(np.float32)
    found = Neighbours(np.arange(size)[::-1], np.linspace(0.9, 0.1, size), 0.3, 0.4)
    assert Landscape(line).place(found) == (size - 1, 0)


@pytest.mark.parametrize("size", [4, 9, 40])
def test_places_stay_in_view(size: int) -> None:
    random = np.random.default_rng(size)
    coordinates = random.normal(size=(size, 2)).astype(np.float32)
    landscape = Landscape(coordinates)
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    room = MARGIN * (high - low) + PITCH  # a grid ends on a whole cell
    for _ in range(50):
        ids = random.permutation(size)[: atlas.NEIGHBOURS]
        found = Neighbours(ids, np.sort(random.uniform(-1, 1, len(ids)))[::-1], 0.3, 0.4)
        at = np.array(landscape.place(found))
        assert (at >= low - room).all()
        assert (at <= high + room).all()


@pytest.mark.parametrize("coordinates", [np.zeros((5, 2)), np.eye(5, 2) * [1, 0]], ids=["a point", "a line"])
def test_a_map_without_width(coordinates: np.ndarray) -> None:
    found = Neighbours(np.arange(5), np.linspace(0.9, 0.1, 5), 0.3, 0.4)
    assert np.isfinite(Landscape(coordinates.astype(np.float32)).place(found)).all()


def test_clips_push_in_the_mean_however_many(clustered: tuple[np.ndarray, np.ndarray], fitted) -> None:
    clips, sounds = clustered
    often = Landscape(np.tile(fitted.embedding_, (1000, 1)))
    once = Landscape(fitted.embedding_)
    for sound in sounds[:10]:
        found = nearest(clips, sound)
        assert often.place(found) == pytest.approx(once.place(found), abs=0.001)


# How strongly a neighbour pulls


@pytest.mark.parametrize("spread", [0.001, 0.1, 0.8])
def test_pulls_of_all_but_the_first_add_up_to_umaps_sum(spread: float) -> None:
    distances = np.linspace(1 - spread, 1, atlas.NEIGHBOURS)
    pulls = nearness(distances)
    assert pulls[0] == 1
    steep = -np.log(pulls[-1]) / spread
    assert np.exp(-steep * distances[1:]).sum() == pytest.approx(np.log2(atlas.NEIGHBOURS), rel=0.01)


def test_clips_that_are_all_the_same_pull_alike() -> None:
    np.testing.assert_array_equal(nearness(np.zeros(atlas.NEIGHBOURS)), 1)


def test_of_many_that_are_the_same_the_others_hardly_pull() -> None:
    pulls = nearness(np.array([0.0] * 8 + [0.5] * 7))
    assert np.isfinite(pulls).all()
    np.testing.assert_allclose(pulls, [1] * 8 + [0] * 7, atol=1e-6)
