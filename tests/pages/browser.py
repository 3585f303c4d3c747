"""A headless Chromium, through chromedriver's HTTP interface (W3C WebDriver, https://www.w3.org/TR/webdriver2/)."""
import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
MISSING = [name for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if path is None]
# Only ends what is hopeless.
LIMIT_S = 60.0


class Browser:
    """One window; a context manager that leaves no process behind."""

    def __enter__(self):
        self._home = tempfile.TemporaryDirectory(prefix="outrider-pages-")
        log = Path(self._home.name) / "driver.log"
        with log.open("w", encoding="utf-8") as out:
            self._driver = subprocess.Popen([DRIVER, "--port=0"], stdout=out, stderr=subprocess.STDOUT, text=True)
        try:
            self._base = f"http://127.0.0.1:{self._port(log)}"
            options = {
                "binary": CHROMIUM,
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         f"--user-data-dir={self._home.name}/profile"],
            }
            wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._base += f"/session/{answer['sessionId']}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._ask("DELETE", "")
        finally:
            self._end()

    def _end(self):
        self._driver.terminate()
        self._driver.wait(LIMIT_S)
        self._home.cleanup()

    def _port(self, log):
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit and self._driver.poll() is None:
            for line in log.read_text(encoding="utf-8").splitlines():
                if "started successfully on port" in line:
                    return int(line.rstrip(".").rsplit(" ", 1)[1])
            time.sleep(0.05)
        raise RuntimeError(f"{DRIVER} does not start: {log.read_text(encoding='utf-8')}")

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode(errors='replace')}") from error

    def _devtools(self, command, parameters=None):
        """What a command of the Chrome DevTools Protocol answers (https://chromedevtools.github.io/devtools-protocol/)."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters or {}})

    def size(self, width, height):
        """Sets the size of what the page has to itself; narrower than a window can be, as on a phone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, path, fragment=""):
        """Opens a file, as a double click on it does."""
        # Another fragment of the same page would not load it again.
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": Path(path).resolve().as_uri() + fragment})

    def back(self):
        """As its button."""
        self._ask("POST", "/back", {})

    def press(self, *keys):
        """Keys of a keyboard, one after the other (names: W3C WebDriver, 17.4.2), to whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def on_paper(self, on):
        """As it is printed, or as it is shown."""
        self._devtools("Emulation.setEmulatedMedia", {"media": "print" if on else ""})

    def live(self):
        """Ids of the parts that are read aloud whenever they change."""
        tree = self._devtools("Accessibility.getFullAXTree")["nodes"]
        nodes = [n["backendDOMNodeId"] for n in tree if any(p["name"] == "live" and p["value"]["value"] != "off" for p in n.get("properties", []))]
        described = [self._devtools("DOM.describeNode", {"backendNodeId": node})["node"] for node in nodes]
        pairs = [dict(zip(d.get("attributes", [])[::2], d.get("attributes", [])[1::2])) for d in described]
        return [attributes.get("id", "") for attributes in pairs]

    def run(self, script, *arguments):
        """What a script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        """Until a script returns something true; that."""
        limit = time.monotonic() + LIMIT_S
        while not (answer := self.run(script, *arguments)):
            if time.monotonic() > limit:
                raise TimeoutError(f"never true: {script}")
            time.sleep(0.02)
        return answer

    def complaints(self):
        """What the page's scripts and the loading of its parts complained of since the last call."""
        entries = self._ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def picture(self, path):
        """The whole page as a PNG, once it is laid out: a page that is loaded need not be."""
        limit = time.monotonic() + LIMIT_S
        while not all((size := self._devtools("Page.getLayoutMetrics")["cssContentSize"])[side] for side in ("width", "height")):
            if time.monotonic() > limit:
                raise TimeoutError(f"the page is never laid out: {size}")
            time.sleep(0.02)
        shot = {"captureBeyondViewport": True, "format": "png", "clip": size | {"scale": 1}}
        Path(path).write_bytes(base64.b64decode(self._devtools("Page.captureScreenshot", shot)["data"]))
