"""Two network namespaces of our own, joined by a cable that can be cut and made to lose packets. Needs root, `ip` and `nft`."""

import os
import shutil
import subprocess
import time

from trial import NotHere

NAME = "outrider"
# Documentation addresses (RFC 5737): they lead nowhere, and nothing leaves these namespaces anyway.
ADDRESSES = {"near": "192.0.2.1/24", "far": "192.0.2.2/24"}
CABLE = "cable"
# A cable that is not up by then never will be.
UP_S = 10.0


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise NotHere(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def why_no_namespaces():
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    try:
        with Namespaces() as namespaces:
            namespaces.lose(0.3)
    except NotHere as reason:
        return str(reason)
    return None


def remove_orphans():
    """Namespaces of a campaign that was killed before it could delete them."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith(f"{NAME}-")):
        owner = name.split("-")[1]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class Namespaces:
    """A context. The near one is for gate, simulator and witness, the far one for everybody else."""

    def __init__(self, owner=None):
        """`owner`: the process id in the names; those of the process that made them, to use what it made."""
        self.owner = owner or os.getpid()

    def name(self, side):
        return f"{NAME}-{self.owner}-{side}"

    def prefix(self, side):
        return ["ip", "netns", "exec", self.name(side)]

    @property
    def near_prefix(self):
        return self.prefix("near")

    @property
    def environment(self):
        """For a repetition that runs inside."""
        return {"OUTRIDER_FAULTS_NAMESPACES": str(self.owner), "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}

    @classmethod
    def around(cls):
        """Those that this repetition was started in."""
        return cls(int(os.environ["OUTRIDER_FAULTS_NAMESPACES"]))

    def __enter__(self):
        remove_orphans()
        try:
            for side in ADDRESSES:
                ip("netns", "add", self.name(side))
            peer = ("peer", "name", CABLE, "netns", self.name("far"))
            ip("link", "add", CABLE, "netns", self.name("near"), "type", "veth", *peer)
            for side, address in ADDRESSES.items():
                ip("-n", self.name(side), "address", "add", address, "dev", CABLE)
                ip("-n", self.name(side), "link", "set", "lo", "up")
                ip("-n", self.name(side), "link", "set", CABLE, "up", "multicast", "on")
            # DDS passes over an interface that does not say yet that it runs; the kernel takes up to a second.
            for side in ADDRESSES:
                self._wait_until_up(side)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_up(self, side):
        deadline = time.monotonic() + UP_S
        while "state UP" not in ip("-n", self.name(side), "link", "show", CABLE):
            if time.monotonic() > deadline:
                raise NotHere("the cable between the namespaces does not come up")
            time.sleep(0.02)

    def __exit__(self, *_):
        for side in ADDRESSES:
            subprocess.run(["ip", "netns", "delete", self.name(side)], capture_output=True)

    def cut(self):
        ip("-n", self.name("near"), "link", "set", CABLE, "down")

    def mend(self):
        ip("-n", self.name("near"), "link", "set", CABLE, "up")

    def lose(self, share):
        """Drops this share of the packets that come through the cable, on either side."""
        rule = (
            "table inet loss {\nchain input {\ntype filter hook input priority 0;\n"
            f'iifname "{CABLE}" numgen random mod 1000 < {round(1000 * share)} counter drop;\n}}\n}}\n'
        )
        for side in ADDRESSES:
            done = subprocess.run([*self.prefix(side), "nft", rule], capture_output=True, text=True)
            if done.returncode != 0:
                raise NotHere(f"nft: {done.stderr.strip()}")

    def lose_nothing(self):
        for side in ADDRESSES:
            subprocess.run([*self.prefix(side), "nft", "delete", "table", "inet", "loss"], check=True, capture_output=True)

    def lost(self):
        """How many packets were dropped so far."""
        total = 0
        for side in ADDRESSES:
            command = [*self.prefix(side), "nft", "list", "table", "inet", "loss"]
            words = subprocess.run(command, capture_output=True, text=True).stdout.split()
            total += int(words[words.index("packets") + 1])
        return total
