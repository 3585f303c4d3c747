// One run at a time: chosen, loaded, played; plan, plots, readings and timeline share one cursor. The address holds run and time:
// #run=KEY&t=12.5
"use strict";
(function (outrider) {
  const data = JSON.parse(document.getElementById("data").textContent);
  const id = (name) => document.getElementById(name);
  const STEP_S = 0.2;
  // The most entries of the timeline.
  const ENTRIES = 1200;
  // What has to give way first where there are more.
  const RANK = { failure: 0, fault: 0, mode: 1, event: 1, reason: 2 };
  const { isNumber } = outrider;

  const worlds = new Map();
  const runs = new Map();
  /** The scripts beside the page call these. */
  outrider.run = (key, run) => runs.set(key, run);
  outrider.world = (hash, world) => worlds.set(hash, world);

  /** Loads a script once; from file:// nothing else can be read. */
  function load(folder, name, cache) {
    if (cache.has(name)) return Promise.resolve(cache.get(name));
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "../" + folder + "/" + name + ".js";
      script.onload = () => (cache.has(name) ? resolve(cache.get(name)) : reject(new Error(script.src + " is damaged")));
      script.onerror = () => reject(new Error(script.src + " cannot be read"));
      document.head.append(script);
    });
  }

  const state = { info: null, run: null, t: 0, end: 0, playing: false, before: null, wanted: null };
  const plan = new outrider.Plan(id("plan"));
  const plots = new outrider.Plots(id("plots"), (t) => seek(t, true));
  let entries = [];

  function say(text) {
    id("message").textContent = text;
    id("message").hidden = text === "";
  }

  // Choosing ---------------------------------------------------------------------------------------------------------

  async function choose(key, t) {
    const info = data.runs.find((r) => r.key === key) || data.runs[0];
    if (!info) return;
    if (state.info === info) {
      if (isNumber(t)) seek(t, true);
      return;
    }
    state.info = info;
    state.run = null;
    pause();
    id("choose").value = info.key;
    document.querySelectorAll("tr[data-key]").forEach((row) => mark(row, row.dataset.key === info.key));
    document.querySelectorAll(".heat a").forEach((a) => mark(a, a.getAttribute("href") === "#run=" + info.key));
    if (!info.shown) {
      id("stage").hidden = true;
      say(info.message || "There is no record of this run.");
      return;
    }
    say("Loading …");
    let run;
    let world = null;
    try {
      run = await load("runs", info.key, runs);
      if (run.world) world = await load("worlds", run.world, worlds).catch(() => null);
    } catch (error) {
      if (state.info === info) {
        id("stage").hidden = true;
        say("This run cannot be shown: " + error.message);
      }
      return;
    }
    // Another one has been chosen in the meantime.
    if (state.info !== info) return;
    say(info.message);
    show(run, world, t);
  }

  function mark(element, on) {
    if (on) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }

  function show(run, world, t) {
    const times = run.t || [];
    state.run = run;
    state.end = times.length ? times[times.length - 1] : 0;
    id("stage").hidden = false;
    id("seek").max = state.end;
    plan.show(run, world);
    plots.show(run, data);
    entries = timelineOf(run);
    drawTimeline();
    const moments = state.info.causes.map((c) => c[0]).filter(isNumber);
    // A failing run begins shortly before it fails.
    seek(isNumber(t) ? t : moments.length ? Math.max(Math.min(...moments) - 3, 0) : 0, false);
  }

  // Time -------------------------------------------------------------------------------------------------------------

  function seek(t, byHand) {
    if (!state.run) return;
    state.t = Math.min(Math.max(t, 0), state.end);
    draw();
    if (byHand || !state.playing) readOut();
  }

  function play() {
    if (!state.run || state.playing) return;
    if (state.t >= state.end) state.t = 0;
    state.playing = true;
    state.before = null;
    id("play").textContent = "❚❚";
    id("play").setAttribute("aria-label", "pause");
    requestAnimationFrame(frame);
  }

  function pause() {
    state.playing = false;
    id("play").textContent = "▶";
    id("play").setAttribute("aria-label", "play");
    readOut();
  }

  function frame(now) {
    if (!state.playing) return;
    const passed = state.before === null ? 0 : Math.min((now - state.before) / 1000, 0.25);
    state.before = now;
    state.t = Math.min(state.t + passed * Number(id("speed").value), state.end);
    draw();
    if (state.t >= state.end) pause();
    else requestAnimationFrame(frame);
  }

  function draw() {
    if (!state.run) return;
    const moment = outrider.momentOf(state.run, state.t);
    plan.draw(moment);
    plots.draw(state.t);
    id("seek").value = state.t;
    id("clock").textContent = state.t.toFixed(1) + " s";
    drawNow(moment);
    followTimeline();
  }

  /** What costs more or is read aloud is left for when the time stands. */
  function readOut() {
    if (!state.run) return;
    id("link").href = "#run=" + state.info.key + "&t=" + Number(state.t.toFixed(2));
    id("seek").setAttribute("aria-valuetext", state.t.toFixed(1) + " seconds");
  }

  function drawNow(m) {
    const now = id("now");
    now.textContent = "";
    const put = (label, value) => {
      const bold = document.createElement("b");
      bold.textContent = value;
      now.append(now.childNodes.length ? " · " : "", label + " ", bold);
    };
    const number = (label, value, digits, unit) => {
      if (isNumber(value)) put(label, value.toFixed(digits) + " " + unit);
    };
    number("speed", m.v, 2, "m/s");
    number("commanded", m.command, 2, "m/s");
    number("clearance", m.clearance, 2, "m");
    number("person gap", m.gap, 2, "m");
    number("TTC", m.ttc, 1, "s");
    if (m.robot && m.belief) number("position error", Math.hypot(m.robot.x - m.belief.x, m.robot.y - m.belief.y), 2, "m");
    if (isNumber(m.mode)) put("mode", data.modes[m.mode] || "?");
    if (isNumber(m.gate)) put("gate", data.gates[m.gate] || "?");
    if (m.reason) put("planner", m.reason);
  }

  // Timeline ---------------------------------------------------------------------------------------------------------

  function timelineOf(run) {
    const all = [];
    const add = (t, kind, text) => {
      if (isNumber(t) && text) all.push({ t, kind, text });
    };
    for (const m of run.marks || []) add(m.t, m.what === "contact" ? "failure" : "mode", m.what);
    for (const e of run.events || []) {
      const change = e.from !== e.to && data.modes[e.to] ? " (" + (data.modes[e.from] || "?") + " → " + data.modes[e.to] + ")" : "";
      add(e.t, "event", e.rule + ": " + e.text + change);
    }
    for (const f of run.faults || []) {
      add(f.from, "fault", "fault: " + outrider.faultText(f.what));
      if (f.to < state.end) add(f.to, "fault", "over: " + outrider.faultText(f.what));
    }
    for (const [t, text] of state.info.causes) add(t, "failure", text);
    // Reasons carry numbers that change from step to step; what counts as another reason is the words.
    const words = (text) => (text || "").replace(/[-−]?\d+(\.\d+)?/g, "#");
    let last = null;
    (run.reason || []).forEach((r, i) => {
      const text = (run.reasons || [])[r];
      if (words(text) !== last) add(run.t[i], "reason", text);
      last = words(text);
    });
    all.sort((a, b) => RANK[a.kind] - RANK[b.kind] || a.t - b.t);
    const told = all.slice(0, ENTRIES).sort((a, b) => a.t - b.t);
    if (all.length > ENTRIES) {
      const left = all.slice(ENTRIES);
      const reasons = left.filter((e) => e.kind === "reason").length;
      told.push({ t: state.end, kind: "note", text: left.length + " more are not listed, " + reasons + " of them changes of the planner's reason" });
    }
    return told;
  }

  function drawTimeline() {
    const kinds = new Set(Array.from(id("kinds").querySelectorAll("input:checked"), (i) => i.value));
    kinds.add("failure").add("note");
    const items = entries.filter((e) => kinds.has(e.kind)).map((entry) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      const time = document.createElement("time");
      time.textContent = entry.t.toFixed(2) + " s";
      const text = document.createElement("span");
      text.textContent = entry.text;
      text.className = entry.kind;
      button.append(time, text);
      button.dataset.t = entry.t;
      button.addEventListener("click", () => seek(entry.t, true));
      item.append(button);
      return item;
    });
    id("timeline").replaceChildren(...items);
    followTimeline();
  }

  /** The last entry that has happened is the current one, and is kept in sight. */
  function followTimeline() {
    const list = id("timeline");
    const buttons = list.querySelectorAll("button");
    let current = null;
    buttons.forEach((b) => {
      const later = Number(b.dataset.t) > state.t + 1e-6;
      b.classList.toggle("later", later);
      if (!later) current = b;
    });
    if (list.current === current) return;
    if (list.current) mark(list.current, false);
    list.current = current;
    if (!current) {
      list.scrollTop = 0;
      return;
    }
    mark(current, true);
    showCurrent();
  }

  function showCurrent() {
    const list = id("timeline");
    const current = list.current;
    if (!current) return;
    const [top, bottom] = [current.offsetTop, current.offsetTop + current.offsetHeight];
    if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 2;
  }

  // Hands ------------------------------------------------------------------------------------------------------------

  function fromAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const t = asked.has("t") ? Number(asked.get("t")) : NaN;
    choose(asked.get("run"), Number.isFinite(t) ? t : null);
  }

  function neighbour(by) {
    const at = data.runs.indexOf(state.info);
    const next = data.runs[at + by];
    if (next) byHand(next.key);
  }

  /** The address goes with what is chosen, so that it can be passed on and found again. */
  function byHand(key) {
    location.replace("#run=" + key);
    choose(key, null);
  }

  const onKey = {
    " ": () => (state.playing ? pause() : play()),
    ArrowLeft: (e) => seek(state.t - (e.shiftKey ? 1 : STEP_S), true),
    ArrowRight: (e) => seek(state.t + (e.shiftKey ? 1 : STEP_S), true),
    Home: () => seek(0, true),
    End: () => seek(state.end, true),
    "[": () => neighbour(-1),
    "]": () => neighbour(1),
    "-": () => faster(-1),
    "+": () => faster(1),
  };

  function faster(by) {
    const speed = id("speed");
    speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  }

  /** Whether what has the focus does something of its own with a key. */
  function isOwn(target, key) {
    if (target.id === "seek") return false;
    if (target.matches("select, textarea, input:not([type=checkbox])")) return true;
    if (target.matches(".scroll, .timeline")) return key !== " ";
    return key === " " && target.closest("button, a, input") !== null;
  }

  document.addEventListener("keydown", (event) => {
    const action = onKey[event.key];
    if (!action || isOwn(event.target, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action(event);
  });
  id("play").addEventListener("click", () => (state.playing ? pause() : play()));
  id("back").addEventListener("click", () => seek(state.t - STEP_S, true));
  id("forth").addEventListener("click", () => seek(state.t + STEP_S, true));
  id("seek").addEventListener("input", (event) => seek(Number(event.target.value), true));
  id("choose").addEventListener("change", (event) => byHand(event.target.value));
  id("view").addEventListener("change", (event) => {
    plan.view = event.target.value;
    draw();
  });
  id("kinds").addEventListener("input", drawTimeline);
  id("plan").addEventListener("click", () => (state.playing ? pause() : play()));
  addEventListener("hashchange", fromAddress);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#run="]');
    if (!link || link.id === "link") return;
    // The same address once more changes nothing, and tells nobody.
    if (link.hash === location.hash) fromAddress();
    id("player").scrollIntoView({ block: "nearest" });
  });
  new ResizeObserver(() => {
    if (state.run) plan.shape();
    draw();
    showCurrent();
  }).observe(id("player"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  fromAddress();
})(window.outrider);
