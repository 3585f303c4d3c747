"""Our bags, read by `mcap`, `mcap-ros2-support` and `rosbags`: all decode every message and agree with our reader."""

import collections

import common
import pytest


def agree(bag):
    """Every reader sees the same messages; returns ours."""
    ours = common.Ours(bag)
    assert ours.complaints == []
    theirs = common.by_mcap(bag)
    assert theirs == ours.messages
    assert sorted(common.by_mcap(bag, seeking=False)) == sorted(ours.messages)
    rosbags = common.by_rosbags(bag)
    assert collections.Counter(rosbags) == collections.Counter(ours.messages)
    assert [m[1] for m in rosbags] == sorted(m[1] for m in rosbags)
    return ours


def test_a_simulated_run(sim_bag):
    ours = agree(sim_bag)
    topics = {topic for topic, _, _ in ours.messages}
    assert len(ours.messages) > 1000
    assert {"/scan", "/cmd_vel", "/world_model", "/planner/journal"} <= topics, topics


@pytest.mark.parametrize("name", ["warehouse", "packed", "foreign.mcap"])
def test_the_golden_bags(name):
    bag = common.GOLDEN / name
    if name == "packed":
        # `mcap` alone does not decompress whole files; rosbags does.
        ours = common.Ours(bag)
        assert collections.Counter(common.by_rosbags(bag)) == collections.Counter(ours.messages)
        assert ours.complaints == []
    else:
        agree(bag)


@pytest.mark.parametrize("name", ["cut.mcap", "damaged.mcap"])
def test_a_recovered_bag_is_whole_for_others(name, tmp_path):
    program = common.bin_dir() / "outrider"
    if not program.exists():
        pytest.skip(f"not built: {program} (cargo build --release -p outrider_cli)")
    broken = common.Ours(common.GOLDEN / name)
    assert broken.complaints
    for target in ["whole", "whole.mcap"]:
        done = common.run(program, "bag", "recover", common.GOLDEN / name, tmp_path / target)
        assert f"{len(broken.messages)} messages written" in done.stdout
        assert agree(tmp_path / target).messages == broken.messages
