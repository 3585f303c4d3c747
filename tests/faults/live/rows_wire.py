"""What should not be on the wire: a second publisher of the command topic, permits that are not what they seem."""

import os
import random
import subprocess

from geometry_msgs.msg import TwistStamped
from harness import bin_dir, mark_of
from outrider_msgs.msg import Command, Permit
from rclpy.serialization import deserialize_message, serialize_message
from rogue import HELD, RELIABLE, Relay, Rogue, held, stamp_now
from rows_processes import COUNTED_S, DISCOVERED_S
from trial import E_STOP_LATCHED, MAY_STOP, RIDES_THROUGH, STOPS, Row

GROUP = "wire"
ROGUE_MPS = 0.2
FLOOD_HZ = 10_000
FLOOD_S = 3.0
# Of one writer a reliable reader's acknowledgements limit the rate.
FLOODERS = 4


def rogue_of(trial):
    """The trial's rogue; made when it is first asked for."""
    if not hasattr(trial, "rogue"):
        trial.rogue = trial.stack.enter_context(Rogue(trial.suite.domain))
    return trial.rogue


def second_publisher(trial):
    def make():
        message = TwistStamped()
        message.header.stamp, message.header.frame_id = stamp_now(), "rogue"
        message.twist.linear.x = ROGUE_MPS
        return message

    trial.enough = rogue_of(trial).say(TwistStamped, "/cmd_vel", make, 10.0)


def flood(trial):
    """A planner gone mad: a compiled program, for Python does not get to such rates."""
    command = rogue_of(trial).hear(Command, "/cmd_vel_nominal", RELIABLE)
    command.boot_id, command.sequence = 0x0F1E2D3C4B5A6978, 1
    command.trajectory, command.braking_tail = [], []
    file = trial.folder / "command.cdr"
    file.write_bytes(serialize_message(command))
    program = bin_dir() / "examples" / "flood"
    # Behind the witness, which has to hear the gate while this goes on.
    arguments = [str(program), str(file), str(FLOOD_HZ / FLOODERS), str(FLOOD_S)]
    environment = mark_of(os.getpid()) | {"ROS_DOMAIN_ID": str(trial.suite.domain)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    trial.floods = []
    for _ in range(FLOODERS):
        trial.floods.append(subprocess.Popen(arguments, env=environment, start_new_session=True, **pipes))
        trial.stack.callback(trial.floods[-1].wait)
        trial.stack.callback(trial.floods[-1].kill)
    assert all(f.stdout.readline() == "ready\n" for f in trial.floods)
    trial.drive()
    trial.late_before = trial.witness.gate.late_periods
    trial.struck_now()
    for process in trial.floods:
        process.stdin.write("go\n")
        process.stdin.flush()


def flood_is_over(trial):
    told = [process.stdout.readline().split() for process in trial.floods]
    rate_hz = sum(int(sent) / float(seconds) for sent, seconds in told)
    trial.expect(rate_hz > FLOOD_HZ / 20, f"only {rate_hz:.0f} a second: the row shows nothing")
    late = trial.witness.gate.late_periods - trial.late_before
    trial.notes.append(f"{rate_hz / 1000:.1f} kHz of {FLOOD_HZ / 1000:.0f} reached")
    trial.notes.append("late periods of the gate" if late else "no late period of the gate")


def edited(change):
    """An edit of a permit's bytes by a change of the message."""

    def edit(data):
        permit = deserialize_message(data, Permit)
        change(permit)
        return [serialize_message(permit)]

    return edit


def widen(permit):
    permit.v_max, permit.v_min, permit.w_max = 10.0 * permit.v_max, 10.0 * permit.v_min, 10.0 * permit.w_max
    permit.sequence += 1


def another_digest(permit):
    permit.command_digest[0] ^= 0xFF
    permit.sequence += 1


def foreign(permit):
    permit.gate_boot_id ^= 1
    permit.sequence += 1


def far_ahead(permit):
    permit.sequence += 1_000_000


def flip(data, generator):
    """The same bytes with one bit turned over, behind CDR's header of four."""
    bit = generator.randrange(8 * 4, 8 * len(data))
    turned = bytearray(data)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)


def flips(count):
    generator = random.Random(1)
    return lambda data: [flip(data, generator) for _ in range(count)]


def replay():
    """Every permit again at once, and one of earlier ones."""
    kept = []

    def edit(data):
        kept.append(data)
        return [data, kept[max(0, len(kept) - random.Random(len(kept)).randrange(2, 60))]]

    return edit


def beside(edit):
    """A rogue answers every permit with others."""

    def strike(trial):
        trial.answers = rogue_of(trial).answer(Permit, "/assurance/permit", edit)

    def lift(trial):
        trial.answers.on = False
        trial.expect(trial.answers.count > 20, f"only {trial.answers.count} rogue permits were sent: the row shows nothing")
        trial.forged = set(trial.answers.own) - trial.answers.heard

    return {"prepare": rogue_of, "strike": strike, "lift": lift, "permits": True}


def between(kind, node, topic, edit, *, receiver=False):
    """A relay in the middle of a topic, which begins to edit. `edit` gives bytes, or (delay s, bytes). It stands at the
    node that publishes, or at one that receives."""
    ends = (f"/{topic}", f"/{topic}{HELD}") if receiver else (f"/{topic}{HELD}", f"/{topic}")

    def prepare(trial):
        trial.relay = Relay(rogue_of(trial), kind, *ends)

    def strike(trial):
        def pairs(data):
            return [item if isinstance(item, tuple) else (0.0, item) for item in edit(data)]

        trial.relay.edit = pairs

    def lift(trial):
        trial.relay.edit = None

    return {
        "suite": lambda trial: {"arguments": {node: held(topic)}},
        "prepare": prepare,
        "strike": strike,
        "lift": lift,
    }


def permits_between(edit):
    return between(Permit, "assurance", "assurance/permit", edit) | {"permits": False}


def quicker(data):
    command = deserialize_message(data, Command)
    command.v += 0.001
    return [serialize_message(command)]


def new_assurance(lift):
    """Numbers that a rogue has used up stay used up until assurance counts anew."""

    def both(trial):
        lift(trial)
        trial.end("assurance")
        trial.suite.start("assurance")

    return both


def with_lift(course, wrap):
    return course | {"lift": wrap(course["lift"])}


ROWS = [
    Row(
        "command_topic_duplicate", GROUP, E_STOP_LATCHED,
        f"A second publisher of the robot's command topic sends {ROGUE_MPS} m/s at 10 Hz, and goes away later",
        reason="second publisher", prepare=rogue_of, strike=second_publisher, lift=lambda trial: trial.enough.set(),
        detect_s=COUNTED_S + DISCOVERED_S,
        note="what the rogue itself sends reaches the robot: the driver has to listen to the gate alone",
    ),
    Row(
        "planner_flooding", GROUP, MAY_STOP, f"Proposals come at {FLOOD_HZ / 1000:.0f} kHz, each with a fresh stamp and the next number",
        strike=flood, lift=flood_is_over, watch_s=FLOOD_S,
    ),
    Row(
        "permit_replayed", GROUP, RIDES_THROUGH, "Permits are recorded on the wire and sent again, at once and later",
        **beside(replay()),
    ),
    Row(
        "permit_foreign", GROUP, RIDES_THROUGH, "Permits that name another run of the gate", **beside(edited(foreign)),
    ),
    Row(
        "permit_wider_envelope", GROUP, RIDES_THROUGH, "Permits with an envelope ten times as wide and the next number",
        **beside(edited(widen)),
    ),
    Row(
        "permit_other_digest", GROUP, MAY_STOP, "Permits for a command that nobody sent, with the next number",
        **beside(edited(another_digest)),
        note="without a key the number is used up, so the next permit is refused: it may stop",
    ),
    Row(
        "permit_bit_flipped", GROUP, MAY_STOP, "Every permit again, eight times, each with one bit turned over",
        **with_lift(beside(flips(8)), new_assurance),
        note="a bit of the number or of assurance's run may stop it",
    ),
    Row(
        "permit_resequenced", GROUP, MAY_STOP, "Permits again with a number a million ahead",
        reason="sequence did not increase|no permit", **with_lift(beside(edited(far_ahead)), new_assurance),
        note="without a key the numbers are used up: it stops, and goes on only after a restart of assurance",
    ),
    Row(
        "permit_delayed", GROUP, STOPS, "Every permit comes 80 ms late; they hold for 60 ms",
        reason="older than its time to live|no permit|too old", **permits_between(lambda data: [(0.08, data)]),
    ),
    Row(
        "permit_lost", GROUP, STOPS, "No permit arrives any more",
        reason="no permit", **permits_between(lambda data: []),
    ),
    Row(
        "permit_edited_on_the_way", GROUP, STOPS, "Every permit's envelope is made ten times as wide on its way",
        reason="envelope exceeds", **permits_between(edited(widen)),
    ),
    Row(
        "permit_flipped_on_the_way", GROUP, MAY_STOP, "One bit of every permit is turned over on its way",
        **with_lift(permits_between(flips(1)), new_assurance),
    ),
    Row(
        "command_edited_on_the_way", GROUP, STOPS, "Every proposal is 1 mm/s faster at the gate than it was when judged",
        reason="digest", **between(Command, "gate", "cmd_vel_nominal", quicker, receiver=True),
    ),
]
