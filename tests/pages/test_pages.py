"""The pages that `outrider report` makes, in a headless Chromium at the width of a phone and of a desk, from `file://`.

    python -m pytest tests/pages            # pictures of every page in runs/pages

Asked of each page: no complaint of its scripts, nothing wider than the screen, what is to be drawn is drawn, and what can be played is played.
"""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from browser import MISSING, Browser

ROOT = Path(__file__).resolve().parents[2]
OUTRIDER = Path(os.environ.get("OUTRIDER_BIN_DIR", ROOT / "target" / "release")) / "outrider"
PICTURES = ROOT / "runs" / "pages"
SCENARIOS = ROOT / "tests" / "scenarios"
# A door, a vehicle, people; and one that fails, with contacts.
CHOSEN = ["doorways/automatic_door", "moving_obstacle/forklift_crosses_the_hall", "crowd/six_walk_about", "static_clutter/forks_below_the_lidar"]
# Without the rectangles that the detector tells, the robot drives into the forks of the last one: a run that fails.
BLIND = "sim.detector.body_yaw_sigma_rad=null"
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
# Different colours on a canvas: an empty one has one, one with axes alone a few.
COLOURS = """
const canvas = document.getElementById(arguments[0]);
const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return new Set(new Uint32Array(data.buffer)).size;
"""

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed (packages chromium, chromium-driver)"),
    pytest.mark.skipif(not OUTRIDER.exists(), reason=f"{OUTRIDER} is not built"),
]


def outrider(*arguments):
    """Runs it; 1 is its answer where a run failed."""
    done = subprocess.run([OUTRIDER, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Every page by its name: an evaluation with one failing scenario, and a bag."""
    folder = tmp_path_factory.mktemp("pages")
    suite = folder / "suite.yaml"
    lines = "\n".join(f"  - {SCENARIOS / name}.yaml" for name in CHOSEN)
    suite.write_text(f"scenarios:\n{lines}\n", encoding="utf-8")
    outrider("evaluate", suite, "--seeds", 2, "--set", BLIND, "--out", folder / "runs")
    outrider("report", folder / "runs")
    outrider("sim", SCENARIOS / f"{CHOSEN[0]}.yaml", "--bag", folder / "bag")
    outrider("report", folder / "bag", "--out", folder / "bag.html")
    report = folder / "runs" / "report"
    found = {"index": report / "index.html", "bag": folder / "bag.html"}
    found |= {page.stem: page for page in sorted((report / "scenarios").glob("*.html"))}
    assert len(found) == 2 + len(CHOSEN), sorted(found)
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return found


@pytest.fixture(scope="session")
def browser():
    with Browser() as it:
        yield it


def is_player(name):
    return name not in ("index", "bag")


NAMES = ["index", "bag", *(Path(name).name for name in CHOSEN)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_its_screen_and_its_scripts_do_not_complain(browser, pages, name, size):
    browser.size(*SIZES[size])
    browser.open(pages[name])
    if is_player(name):
        browser.wait("return !document.getElementById('stage').hidden")
    browser.picture(PICTURES / f"{name}_{size}.png")
    assert browser.complaints() == []
    # Against the size asked for: a phone zooms out for what is too wide, and innerWidth grows with it.
    wide = browser.run("""
        const [screen] = arguments;
        const wide = (e) => e.getBoundingClientRect().right > screen + 1 && !e.closest(".scroll, svg");
        return [document.documentElement.scrollWidth - screen, Array.from(document.querySelectorAll("body *")).filter(wide)
            .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))];
    """, SIZES[size][0])
    assert wide == [0, []]
    assert len(browser.run("return document.body.innerText")) > 400


@pytest.mark.parametrize("name", [name for name in NAMES if is_player(name)])
def test_a_run_is_drawn_played_paused_and_scrubbed(browser, pages, name):
    browser.size(*SIZES["desk"])
    browser.open(pages[name])
    browser.wait("return !document.getElementById('stage').hidden && document.getElementById('message').hidden")
    clock = "return parseFloat(document.getElementById('clock').textContent)"
    press = "document.getElementById(arguments[0]).click()"
    assert browser.run(COLOURS, "plan") > 20 and browser.run(COLOURS, "plots") > 10
    begin = browser.run(clock)
    browser.run(press, "play")
    browser.wait(f"{clock} > arguments[0]", begin + 0.3)
    browser.run(press, "play")
    halted = browser.run(clock)
    browser.run(press, "forth")
    stepped = browser.run(clock)
    assert stepped == pytest.approx(halted + 0.2, abs=0.11)
    browser.run("const s = document.getElementById('seek'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert browser.run(clock) == 4.0
    told = browser.run("return document.getElementById('now').textContent")
    assert told.startswith("speed ") and "mode " in told
    # The same moment by its address.
    link = browser.run("return document.getElementById('link').getAttribute('href')")
    browser.open(pages[name], link)
    browser.wait("return !document.getElementById('stage').hidden")
    assert browser.run(clock) == 4.0 and browser.complaints() == []


def test_what_failed_stands_first_and_leads_to_its_moment(browser, pages):
    browser.size(*SIZES["desk"])
    browser.open(pages["index"])
    assert browser.run("return document.querySelector('tbody tr th a, tbody tr td a') !== null")
    first = "return document.getElementById('table').tBodies[0].rows[0].cells[0].textContent.trim()"
    assert browser.run(first) == "forks_below_the_lidar"
    # By name, and the other way round.
    head = "document.getElementById('table').tHead.rows[0].cells[0].querySelector('button').click()"
    order = []
    for _ in range(2):
        browser.run(head)
        order.append(browser.run(first))
    assert order == [min(NAMES[2:]), max(NAMES[2:])]
    browser.run("const f = document.getElementById('filters'); f.text.value = 'door'; f.dispatchEvent(new Event('input'))")
    assert browser.run("return document.getElementById('count').textContent") == "1 of 4 scenarios"
    browser.open(pages["forks_below_the_lidar"])
    browser.wait("return !document.getElementById('stage').hidden")
    assert browser.run("return document.querySelectorAll('#timeline .failure').length") > 0
    # Three seconds before the contact.
    assert browser.run("return parseFloat(document.getElementById('clock').textContent)") > 0


def test_a_door_is_drawn_where_it_is(browser, pages):
    """The panel is shut at first and slides into the wall; at its place the plan has its colour, and then has not."""
    browser.size(*SIZES["desk"])
    dark = """
        const canvas = document.getElementById("plan");
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
        const [r, g, b] = [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16));
        let rows = [canvas.height, 0];
        for (let y = 0; y < canvas.height; y++) {
            let count = 0;
            for (let x = 0; x < canvas.width; x++) {
                const i = 4 * (y * canvas.width + x);
                if (data[i] === r && data[i + 1] === g && data[i + 2] === b) count++;
            }
            if (count >= 3) rows = [Math.min(rows[0], y), Math.max(rows[1], y)];
        }
        return rows;
    """
    tops = []
    for t_s in (0, 8.4):
        browser.open(pages["automatic_door"], f"#t={t_s}")
        browser.wait("return !document.getElementById('stage').hidden")
        tops.append(browser.run(dark))
    (shut, _), (opened, _) = tops
    assert opened > shut + 40, tops
