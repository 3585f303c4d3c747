"""The pages that `outrider report` makes, in a headless Chromium at the width of a phone and of a desk, from `file://`.

    python -m pytest tests/pages            # pictures of every page in runs/pages

Asked of each page: no complaint of its scripts, nothing wider than the screen, what is to be drawn is drawn, and what can be played is played.
"""
import json
import os
import re
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
# The same under the longest of names, and without criticality.
LONG = "forks_below_the_lidar_" + "x" * 42
SIZES = {"small phone": (320, 568), "phone": (390, 844), "desk": (1280, 900)}
RIGHT, END = "\ue014", "\ue010"
CLOCK = "return parseFloat(document.getElementById('clock').textContent)"
SHOWN = "return !document.getElementById('stage').hidden && document.getElementById('message').hidden"
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
    text = (SCENARIOS / f"{CHOSEN[-1]}.yaml").read_text(encoding="utf-8")
    text = re.sub(r"criticality:\n(  .*\n)+", "", text).replace("id: forks_below_the_lidar", f"id: {LONG}")
    (folder / f"{LONG}.yaml").write_text(text, encoding="utf-8")
    lines = "\n".join(f"  - {path}.yaml" for path in [*(SCENARIOS / name for name in CHOSEN), folder / LONG])
    suite.write_text(f"scenarios:\n{lines}\n", encoding="utf-8")
    outrider("evaluate", suite, "--seeds", 2, "--set", BLIND, "--out", folder / "runs")
    outrider("report", folder / "runs")
    outrider("sim", SCENARIOS / f"{CHOSEN[0]}.yaml", "--bag", folder / "bag")
    outrider("report", folder / "bag", "--out", folder / "bag.html")
    report = folder / "runs" / "report"
    found = {"index": report / "index.html", "bag": folder / "bag.html"}
    found |= {page.stem: page for page in sorted((report / "scenarios").glob("*.html"))}
    assert len(found) == 3 + len(CHOSEN), sorted(found)
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return found


@pytest.fixture(scope="session")
def browser():
    with Browser() as it:
        yield it


def is_player(name):
    return name not in ("index", "bag")


NAMES = ["index", "bag", *(Path(name).name for name in CHOSEN), LONG]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_its_screen_and_its_scripts_do_not_complain(browser, pages, name, size):
    browser.size(*SIZES[size])
    browser.open(pages[name])
    if is_player(name):
        browser.wait("return !document.getElementById('stage').hidden")
    browser.picture(PICTURES / f"{name[:30]}_{size.replace(' ', '_')}.png")
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
    browser.wait(SHOWN)
    press = "document.getElementById(arguments[0]).click()"
    assert browser.run(COLOURS, "plan") > 20 and browser.run(COLOURS, "plots") > 10
    begin = browser.run(CLOCK)
    browser.run(press, "play")
    browser.wait(f"{CLOCK} > arguments[0]", begin + 0.3)
    browser.run(press, "play")
    halted = browser.run(CLOCK)
    browser.run(press, "forth")
    stepped = browser.run(CLOCK)
    assert stepped == pytest.approx(halted + 0.2, abs=0.11)
    browser.run("const s = document.getElementById('seek'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert browser.run(CLOCK) == 4.0
    told = browser.run("return document.getElementById('now').textContent")
    assert told.startswith("speed ") and "mode " in told
    # The same moment by its address.
    link = browser.run("return document.getElementById('link').getAttribute('href')")
    browser.open(pages[name], link)
    browser.wait("return !document.getElementById('stage').hidden")
    assert browser.run(CLOCK) == 4.0 and browser.complaints() == []


def test_what_failed_stands_first_and_leads_to_its_moment(browser, pages):
    browser.size(*SIZES["desk"])
    browser.open(pages["index"])
    assert browser.run("return document.querySelector('tbody tr th a, tbody tr td a') !== null")
    first = "return document.getElementById('table').tBodies[0].rows[0].cells[0].textContent.trim()"
    assert browser.run(first).startswith("forks_below_the_lidar")
    # By name, and the other way round.
    head = "document.getElementById('table').tHead.rows[0].cells[0].querySelector('button').click()"
    order = []
    for _ in range(2):
        browser.run(head)
        order.append(browser.run(first))
    assert order == [min(NAMES[2:]), max(NAMES[2:])]
    browser.run("const f = document.getElementById('filters'); f.text.value = 'door'; f.dispatchEvent(new Event('input'))")
    assert browser.run("return document.getElementById('count').textContent") == "1 of 5 scenarios"
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


COUNT = "return document.getElementById('count').textContent"
VALUE = "return document.getElementById(arguments[0]).value"
# The run whose row is marked is the one that is shown.
MARKED = "return document.querySelector('#runs tr[aria-current]').dataset.key"
CHOOSE = "const e = document.getElementById(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('change'))"
CLICK = "document.querySelector(arguments[0]).click()"


def test_after_going_back_what_is_chosen_is_what_is_shown(browser, pages):
    browser.size(*SIZES["desk"])
    browser.open(pages["index"])
    browser.run("const f = document.getElementById('filters'); f.state.value = 'failed'; f.dispatchEvent(new Event('input'))")
    assert browser.run(COUNT) == "2 of 5 scenarios"
    browser.run(CLICK, "#table tr:not([hidden]) a")
    browser.wait(SHOWN)
    browser.back()
    browser.wait("return document.getElementById('filters') !== null")
    state, count = browser.run("return [document.getElementById('filters').state.value, document.getElementById('count').textContent]")
    assert (state, count) in (("", "5 scenarios"), ("failed", "2 of 5 scenarios"))
    browser.open(pages["six_walk_about"])
    browser.wait(SHOWN)
    browser.run(CHOOSE, "choose", browser.run("return document.getElementById('choose').options[1].value"))
    browser.wait(SHOWN)
    browser.run(CHOOSE, "view", "world")
    browser.run(CLICK, "nav a")
    browser.wait("return document.getElementById('filters') !== null")
    browser.back()
    browser.wait("const stage = document.getElementById('stage'); return stage && !stage.hidden")
    assert browser.run(VALUE, "choose") == browser.run(MARKED)
    # The second run is still the one, for the address has it.
    assert browser.run("return document.getElementById('choose').selectedIndex") == 1


def test_a_link_leads_there_each_time_and_into_sight(browser, pages):
    browser.size(*SIZES["phone"])
    browser.open(pages["forks_below_the_lidar"])
    browser.wait(SHOWN)
    first, second = browser.run("return Array.from(document.getElementById('choose').options, (o) => o.value)")
    row = f"#runs a[href='#run={second}']"
    for _ in range(2):
        browser.run(CLICK, row)
        browser.wait("return document.getElementById('choose').value === arguments[0]", second)
        assert browser.run(MARKED) == second
        browser.run(CHOOSE, "choose", first)
        browser.wait(SHOWN)
    at = "#why a[href*='&t=']"
    t_s = float(browser.run("return document.querySelector(arguments[0]).hash.split('&t=')[1]", at))
    for _ in range(2):
        browser.run(CLICK, at)
        browser.wait(f"{CLOCK} === arguments[0]", round(t_s, 1))
        top, bottom = browser.run("const r = document.getElementById('player').getBoundingClientRect(); return [r.top, r.bottom]")
        assert top < SIZES["phone"][1] and bottom > 0
        browser.run("const s = document.getElementById('seek'); s.value = 1; s.dispatchEvent(new Event('input'))")


def test_keys_go_on_working_after_a_click(browser, pages):
    browser.size(*SIZES["desk"])
    browser.open(pages["automatic_door"])
    browser.wait(SHOWN)
    for focus in ("play", "seek", "timeline", "speed"):
        browser.run("const e = document.getElementById(arguments[0]); document.activeElement.blur(); (e.querySelector('button') || e).focus()", focus)
        before = browser.run(CLOCK)
        browser.press(RIGHT)
        # A select has arrow keys of its own.
        assert browser.run(CLOCK) == pytest.approx(before + (0.0 if focus == "speed" else 0.2)), focus
    browser.run("document.getElementById('seek').focus()")
    browser.press(" ")
    assert browser.run("return document.getElementById('play').getAttribute('aria-label')") == "pause"
    browser.press(" ", END)
    assert browser.run(CLOCK) == round(float(browser.run("return document.getElementById('seek').max")), 1)
    assert "clock" not in browser.live()


def test_who_appears_is_never_drawn_elsewhere(browser, pages):
    browser.open(pages["six_walk_about"], "#t=0.15")
    browser.wait(SHOWN)
    belief = """
        const {x, y} = outrider.momentOf({t: [0, 0.2], x: [-9, -9], y: [5, 5], belief: {x: [null, -8.7], y: [null, 5.1]}}, 0.15).belief;
        return [x, y];
    """
    assert browser.run(belief) == [-8.7, 5.1]
    jumps = "return outrider.momentOf({t: [0, 0.2], x: [0, 5], y: [0, 0]}, 0.1).robot.x"
    assert browser.run(jumps) == 0


def test_a_full_timeline_keeps_what_failed_and_says_what_it_leaves_out(browser, pages, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(pages["index"].parent, site)
    page = site / "scenarios" / "forks_below_the_lidar.html"
    browser.open(page)
    browser.wait(SHOWN)
    key = browser.run(VALUE, "choose")
    script = site / "runs" / f"{key}.js"
    head, record = script.read_text(encoding="utf-8").split(",", 1)
    run = json.loads(record.strip().removesuffix(");"))
    run["events"] = [{"t": 0.001 * i, "rule": "made", "text": f"number {i}", "from": 0, "to": 0} for i in range(2000)]
    script.write_text(f"{head},{json.dumps(run)});\n", encoding="utf-8")
    browser.open(page)
    browser.wait(SHOWN)
    assert browser.run("return document.querySelectorAll('#timeline .failure').length") > 0
    last = browser.run("const all = document.querySelectorAll('#timeline li'); return [all.length, all[all.length - 1].textContent]")
    assert last[0] == 1201 and re.search(r"s[1-9]\d* more are not listed, [1-9]\d* of them changes", last[1]), last


def test_a_cell_without_criticality_chooses_its_scenarios(browser, pages):
    browser.size(*SIZES["desk"])
    browser.open(pages["index"])
    browser.run("""document.querySelector(".heat button[data-class='']").click()""")
    assert browser.run(COUNT) == "1 of 5 scenarios"


@pytest.mark.parametrize("name", ["index", "forks_below_the_lidar", LONG])
def test_paper_loses_nothing(browser, pages, name):
    """On paper nothing can be scrolled. 718 px is an A4 sheet between its margins."""
    browser.size(718, 1000)
    browser.open(pages[name])
    if name != "index":
        browser.wait(SHOWN)
    browser.on_paper(True)
    cut = browser.run("""
        const cut = (e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
        return Array.from(document.querySelectorAll(".scroll, .timeline")).filter(cut).map((e) => [e.scrollWidth, e.clientWidth, e.id]);
    """)
    browser.on_paper(False)
    assert cut == []
