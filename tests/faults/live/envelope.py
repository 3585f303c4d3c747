"""An independent check of what was published on the command topic: within the drive's limits, and from one velocity to the
next within slew and braking ramp. It knows the configuration and the messages, nothing of how the gate reckons."""

import dataclasses
import math

from limits import GATE, ROBOT

# A node reads its monotonic and its ROS clock one after the other, and may have to wait in between: a late period is late by
# the one, its stamp comes of the other.
CLOCKS_APART_S = 0.005
# The two clocks are read one after the other: what a period took by the one it took by the other within so much.
READING_S = 0.00005
# What comes between two periods, or early, counts as a whole period here (how the two clocks were read would tell more than the time between
# two stamps); the simulator's envelope has the exact bound. A late one counts for what it took: several together for more than that.
JITTER_S = 0.0005
# Rounding, m/s and rad/s.
ROUNDING = 1e-6
# Numbers of one publisher lie no farther apart than this: else it is another one.
LARGEST_GAP = 2000
# Stamps farther apart than this, or that run backwards, come of a wall clock that jumped: they measure nothing.
CLOCK_JUMP_S = 10.0


@dataclasses.dataclass(frozen=True)
class Velocity:
    """One message of /cmd_vel, as received."""

    received: float
    v: float
    w: float
    stamp: float
    # The publisher's own count of its messages, from DDS.
    number: int = 0
    frame: str = "base_link"


def by_publisher(velocities):
    """Splits what two gates publish at the same time: the message itself does not say whose it is, its number does."""
    streams = []
    for velocity in velocities:
        for stream in streams:
            if 0 < velocity.number - stream[-1].number <= LARGEST_GAP:
                stream.append(velocity)
                break
        else:
            streams.append([velocity])
    return streams


def step_violations(before, after, coarse_stamps):
    """What is wrong with one step; messages that were not received are reckoned with."""
    period_s = GATE["period_s"]
    steps = after.number - before.number
    elapsed_s = after.stamp - before.stamp
    if not 0.0 <= elapsed_s <= CLOCK_JUMP_S:
        elapsed_s = 0.0
    if coarse_stamps:
        elapsed_s = max(elapsed_s, after.received - before.received + period_s)
    if elapsed_s > (steps + 0.5) * period_s:
        elapsed_s += CLOCKS_APART_S
    elapsed_s = max(elapsed_s, steps * period_s) + (steps * JITTER_S if steps > 1 else READING_S)
    # Speeding up goes by periods; a late period may make up for lost time by braking, never by speeding up.
    gaining_s, braking_s = steps * period_s, max(steps * period_s, elapsed_s)
    found = []
    gain, change = abs(after.v) - abs(before.v), abs(after.v - before.v)
    if before.v * after.v < 0.0 and steps == 1:
        found.append(f"reversed from {before.v:.3f} to {after.v:.3f} m/s in one period")
    if gain > ROBOT["accel_mps2"] * gaining_s + ROUNDING:
        found.append(f"sped up by {gain:.4f} m/s in {steps} periods")
    elif change > max(ROBOT["brake_mps2"], GATE["stop_decel_mps2"]) * braking_s + ROUNDING:
        found.append(f"braked by {change:.4f} m/s in {1e3 * braking_s:.0f} ms")
    if abs(after.w - before.w) > ROBOT["alpha_radps2"] * braking_s + ROUNDING:
        found.append(f"turn rate by {after.w - before.w:.4f} rad/s in {1e3 * braking_s:.0f} ms")
    return found


def violations(velocities, *, coarse_stamps=False):
    """Sentences, one for each velocity that should not have been published. `coarse_stamps`: they follow a simulated clock,
    so the time that a braking step took is known from its arrival only."""
    found = []
    for stream in by_publisher(velocities):
        before = None
        for velocity in stream:
            if not (math.isfinite(velocity.v) and math.isfinite(velocity.w)):
                found.append(f"not finite: {velocity.v}, {velocity.w}")
                before = None
                continue
            if not ROBOT["v_min_mps"] - ROUNDING <= velocity.v <= ROBOT["v_max_mps"] + ROUNDING:
                found.append(f"{velocity.v:.3f} m/s is outside the drive's limits")
            if abs(velocity.w) > ROBOT["w_max_radps"] + ROUNDING:
                found.append(f"{velocity.w:.3f} rad/s is outside the drive's limits")
            if velocity.number == 1 and (velocity.v or velocity.w):
                found.append(f"a gate began with {velocity.v:.3f} m/s, {velocity.w:.3f} rad/s")
            if before:
                found += step_violations(before, velocity, coarse_stamps)
            before = velocity
    return found


def longest_silence_s(velocities):
    """The longest time from one message of a publisher to its next; what was not received is no silence: a period for each, which
    is too much for one that came between two periods."""
    gaps = [
        b.stamp - a.stamp - (b.number - a.number - 1) * GATE["period_s"]
        for stream in by_publisher(velocities)
        for a, b in zip(stream, stream[1:])
    ]
    return max((g for g in gaps if g < CLOCK_JUMP_S), default=0.0)


def unpermitted(states, permits, commands):
    """What a gate forwarded without a permit that assurance gave. `states`: (mode is forwarding, source, sequence, v) in
    order; `permits`: {(source, sequence): v_max}; `commands`: {(source, sequence): v} of those who may propose."""
    found = []
    before_v = 0.0
    for forwarding, source, sequence, v in states:
        if forwarding:
            name = (source, sequence)
            if name not in permits:
                found.append(f"command {name} was forwarded, nobody permitted it")
            elif name not in commands:
                found.append(f"command {name} was forwarded, neither planner nor assurance sent it")
            elif abs(v - commands[name]) > abs(before_v - commands[name]) + ROUNDING:
                found.append(f"{v:.3f} m/s leads away from the permitted {commands[name]:.3f}")
        before_v = v
    return found
