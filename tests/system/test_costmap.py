"""The rolling grid as people and programs see it over DDS, while its size is changed in a drive. The tests go on from one another."""

import pytest
from harness import NODES, Suite, wait_for
from nav_msgs.msg import MapMetaData, OccupancyGrid
from outsider import Outsider
from rclpy.qos import DurabilityPolicy, QoSProfile

RESOLUTION_M = 0.05


class Viewer(Outsider):
    """Looks at the pictures, and asks for sizes."""

    def __init__(self, domain):
        super().__init__(domain)
        self.costmap = self.tracks = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        listen = self.node.create_subscription
        listen(OccupancyGrid, "/costmap", lambda m: setattr(self, "costmap", m), latched)
        listen(OccupancyGrid, "/costmap/tracks", lambda m: setattr(self, "tracks", m), latched)
        self.sizes = self.node.create_publisher(MapMetaData, "/costmap/resize", 10)

    def resize(self, width, height, resolution_m=RESOLUTION_M):
        wait_for(self.sizes.get_subscription_count, 20.0, "somebody listens to sizes")
        self.sizes.publish(MapMetaData(width=width, height=height, resolution=resolution_m))

    def told(self, key):
        """A value of the world model's health."""
        return {pair.key: pair.value for pair in self.health["world_model"].values}.get(key)

    def seen(self):
        """Sizes of what is told and shown: the grid, its picture, and the picture of the tracks."""
        pictures = [(m.info.width, m.info.height) if m else None for m in (self.costmap, self.tracks)]
        return [self.world and (self.world.local.width, self.world.local.height), *pictures]

    def comes_to(self, width, height):
        expected = [(width, height), (width, height), ((width + 1) // 2, (height + 1) // 2)]
        wait_for(lambda: self.seen() == expected, 20.0, lambda: f"{expected}; it is {self.seen()}")
        for message, coarser in ((self.costmap, 1), (self.tracks, 2)):
            assert len(message.data) == message.info.width * message.info.height
            assert message.info.resolution == pytest.approx(coarser * RESOLUTION_M)
            assert message.header.frame_id == self.world.header.frame_id


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("costmap")) as suite:
        yield suite
        assert suite.died() == {}, "a node ended by itself"


@pytest.fixture(scope="module")
def viewer(suite):
    with Viewer(suite.domain) as viewer:
        viewer.hear_from([*NODES, "recorder"])
        yield viewer


def test_both_pictures_are_shown_about_the_robot(viewer):
    viewer.drive()
    viewer.comes_to(200, 200)
    for message in (viewer.costmap, viewer.tracks):
        centre = [
            corner + 0.5 * count * message.info.resolution
            for corner, count in (
                (message.info.origin.position.x, message.info.width), (message.info.origin.position.y, message.info.height)
            )
        ]
        assert centre == pytest.approx([viewer.truth.x, viewer.truth.y], abs=1.5)
    assert 100 in viewer.costmap.data and 0 in viewer.costmap.data


def test_the_tracks_picture_shows_somebody(viewer):
    wait_for(lambda: viewer.world.tracks and max(viewer.tracks.data) > 0, 60.0, "a track, and where it costs")


def test_a_larger_grid_is_asked_for_in_the_drive(viewer):
    viewer.drive(above_mps=0.1)
    viewer.resize(300, 260)
    viewer.comes_to(300, 260)
    assert viewer.told("resizes_refused") == "0"
    viewer.drive(above_mps=0.1)


def test_what_there_is_no_room_for_is_refused_and_changes_nothing(viewer):
    viewer.resize(401, 200)
    wait_for(lambda: viewer.told("resizes_refused") == "1", 20.0, lambda: f"refused; {viewer.health['world_model'].values}")
    assert "width_cells: 401" in viewer.told("last_resize_refused")
    sequence = viewer.world.sequence
    wait_for(lambda: viewer.world.sequence > sequence + 20, 20.0, "more world models")
    viewer.comes_to(300, 260)


def test_it_becomes_small_again(viewer):
    viewer.resize(200, 200)
    viewer.comes_to(200, 200)
    wait_for(lambda: viewer.told("resizes") == "2", 20.0, lambda: f"counted; {viewer.health['world_model'].values}")
