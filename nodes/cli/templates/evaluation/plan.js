// The run seen from above: truth and belief at one moment, on a canvas.
"use strict";
window.outrider = window.outrider || {};
(function (outrider) {
  const TAU = 2 * Math.PI;
  const MARGIN_M = 1.5;
  const NEAR_M = 5;
  const MODE_COLOURS = ["#2f9e44", "#e08a00", "#e8590c", "#c92a2a"];
  outrider.MODE_COLOURS = MODE_COLOURS;

  /** Index of the last moment that is not after `t`. */
  outrider.indexAt = function (times, t) {
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= t) low = middle;
      else high = middle - 1;
    }
    return low;
  };

  const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
  outrider.isNumber = isNumber;

  /** Between two moments of a column; null where the nearer one has no value. */
  function between(column, i, share, isAngle) {
    if (!column) return null;
    const a = column[i];
    const b = column[i + 1];
    if (!isNumber(a)) return share >= 0.5 && isNumber(b) ? b : null;
    if (!isNumber(b)) return a;
    let step = b - a;
    if (isAngle) step -= TAU * Math.round(step / TAU);
    return a + share * step;
  }

  /** Pose {x, y, yaw} of an object with these columns; null where it is not known. */
  function poseAt(columns, i, share) {
    if (!columns) return null;
    const x = between(columns.x, i, share);
    const y = between(columns.y, i, share);
    const jump = isNumber(columns.x && columns.x[i]) && isNumber(columns.x[i + 1]) && Math.hypot(columns.x[i + 1] - columns.x[i], columns.y[i + 1] - columns.y[i]) > 2;
    if (x === null || y === null) return null;
    const at = jump ? { x: columns.x[i], y: columns.y[i] } : { x, y };
    return { x: at.x, y: at.y, yaw: between(columns.yaw, i, share, true) || 0 };
  }

  // A track some time after it was told: id, x, y, vx, vy, radius, and the corners of its rectangle, where it has one.
  function trackAt([id, x, y, vx, vy, radius, ...corners], since) {
    const [dx, dy] = [(vx || 0) * since, (vy || 0) * since];
    const body = [];
    for (let i = 0; i + 1 < corners.length; i += 2) body.push([corners[i] + dx, corners[i + 1] + dy]);
    return { id, x: x + dx, y: y + dy, vx, vy, radius: radius || 0.3, body };
  }

  /** Everything that is to be seen at a moment. */
  outrider.momentOf = function (run, t) {
    const times = run.t || [];
    const i = outrider.indexAt(times, t);
    const span = times[i + 1] - times[i];
    const share = span > 0 ? Math.min(Math.max((t - times[i]) / span, 0), 1) : 0;
    const since = t - (times[i] || 0);
    const at = (column) => (column && column[i] !== undefined ? column[i] : null);
    const sigma = run.belief ? between(run.belief.sigma, i, share) : null;
    const actors = (run.actors || []).map((a) => ({ name: a.name, radius: a.radius || 0.3, shape: a.shape, pose: poseAt(a, i, share), v: a.v ? a.v[i] : null }));
    const doors = (run.doors || []).map((d) => ({ shape: d.shape, pose: poseAt(d, i, share) }));
    const tracks = (run.tracks && run.tracks[i]) || [];
    return {
      i, share, t,
      robot: poseAt(run, i, share),
      belief: poseAt(run.belief, i, share),
      sigma,
      actors: actors.filter((a) => a.pose),
      doors: doors.filter((d) => d.pose),
      tracks: tracks.map((track) => trackAt(track, since)),
      mode: at(run.mode),
      gate: at(run.gate),
      v: between(run.v, i, share),
      command: between(run.command_v, i, share),
      clearance: between(run.clearance, i, share),
      gap: between(run.person_gap, i, share),
      ttc: at(run.ttc),
      reason: run.reasons && run.reason ? run.reasons[run.reason[i]] : null,
      faults: (run.faults || []).filter((f) => f.from <= t && t < f.to),
    };
  };

  /** A box around points. */
  function boxOf(points) {
    let box = null;
    for (const [x, y] of points) {
      if (!isNumber(x) || !isNumber(y)) continue;
      if (!box) box = [x, y, x, y];
      box = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)];
    }
    return box;
  }

  function wayBox(run) {
    const points = (run.x || []).map((x, i) => [x, run.y[i]]);
    for (const end of [run.start, run.goal]) if (end) points.push(end);
    const box = boxOf(points);
    if (!box) return null;
    // People that come near are part of it; those far off would make it small.
    const near = [];
    for (const actor of run.actors || []) {
      (actor.x || []).forEach((x, i) => {
        const y = actor.y[i];
        const inside = x > box[0] - 4 && x < box[2] + 4 && y > box[1] - 4 && y < box[3] + 4;
        if (isNumber(x) && inside) near.push([x, y]);
      });
    }
    return boxOf(points.concat(near));
  }

  class Plan {
    constructor(canvas) {
      this.canvas = canvas;
      this.context = canvas.getContext("2d");
      this.view = "way";
      this.run = null;
      this.world = null;
    }

    show(run, world) {
      this.run = run;
      this.world = world;
      this.footprint = (world && world.footprint) || null;
      this.way = wayBox(run);
      const outlines = (world && world.outlines) || [];
      this.shape();
      this.whole = boxOf(outlines.flat().concat(this.way ? [[this.way[0], this.way[1]], [this.way[2], this.way[3]]] : []));
    }

    /** As high as the way needs, within bounds: a long straight drive leaves no empty half. */
    shape() {
      const [x0, y0, x1, y1] = this.way || [0, 0, 1, 1];
      const ratio = (y1 - y0 + 2 * MARGIN_M) / (x1 - x0 + 2 * MARGIN_M);
      const most = Math.min(window.innerHeight * 0.62, 560) || 400;
      this.canvas.style.height = Math.round(Math.min(Math.max(this.canvas.clientWidth * ratio, 240), Math.max(most, 240))) + "px";
    }

    /** Sets the scale for what is to be seen: metres to pixels, y upwards. */
    frame(moment, width, height) {
      let box = this.view === "world" ? this.whole : this.way;
      if (this.view === "robot" && moment.robot) {
        const { x, y } = moment.robot;
        box = [x - NEAR_M, y - NEAR_M, x + NEAR_M, y + NEAR_M];
      }
      box = box || [-1, -1, 1, 1];
      const [x0, y0, x1, y1] = [box[0] - MARGIN_M, box[1] - MARGIN_M, box[2] + MARGIN_M, box[3] + MARGIN_M];
      this.scale = Math.min(width / (x1 - x0), height / (y1 - y0));
      this.left = width / 2 - (this.scale * (x0 + x1)) / 2;
      this.bottom = height / 2 + (this.scale * (y0 + y1)) / 2;
    }

    px(x, y) {
      return [this.left + this.scale * x, this.bottom - this.scale * y];
    }

    polygon(points, pose) {
      const c = this.context;
      const [sin, cos] = pose ? [Math.sin(pose.yaw), Math.cos(pose.yaw)] : [0, 1];
      c.beginPath();
      for (const [x, y] of points) c.lineTo(...(pose ? this.px(pose.x + cos * x - sin * y, pose.y + sin * x + cos * y) : this.px(x, y)));
      c.closePath();
    }

    disc(x, y, radius) {
      this.context.beginPath();
      this.context.arc(...this.px(x, y), Math.max(this.scale * radius, 1.5), 0, TAU);
    }

    line(x, y, dx, dy) {
      const c = this.context;
      c.beginPath();
      c.moveTo(...this.px(x, y));
      c.lineTo(...this.px(x + dx, y + dy));
      c.stroke();
    }

    draw(moment) {
      const { canvas, context: c } = this;
      const [width, height, colours] = outrider.prepare(canvas, c);
      this.colours = colours;
      c.fillStyle = colours.bg;
      c.fillRect(0, 0, width, height);
      if (!this.run) return;
      this.frame(moment, width, height);
      this.drawWorld();
      this.drawDoors(moment);
      this.drawGoal();
      this.drawTrail(moment);
      this.drawActors(moment);
      this.drawTracks(moment);
      this.drawRobot(moment);
      this.drawScaleBar(height);
      this.drawBadges(moment, width);
    }

    drawWorld() {
      const { context: c, colours, world } = this;
      if (!world) return;
      const names = [];
      const zone = (z, colour, label) => {
        if (!Array.isArray(z.polygon)) return;
        this.polygon(z.polygon);
        c.globalAlpha = 0.16;
        c.fillStyle = colour;
        c.fill();
        c.globalAlpha = 0.8;
        c.strokeStyle = colour;
        c.lineWidth = 1;
        c.setLineDash([5, 4]);
        c.stroke();
        c.setLineDash([]);
        const box = boxOf(z.polygon);
        if (box && label) names.push(() => this.name(label, (box[0] + box[2]) / 2, box[1], colour, 13));
        c.globalAlpha = 1;
      };
      (world.exclusion || []).forEach((z) => zone(z, colours.bad, z.name));
      (world.speed || []).forEach((z) => zone(z, colours.warn, (z.name || "") + (isNumber(z.v_max) ? " ≤ " + z.v_max + " m/s" : "")));
      (world.direction || []).forEach((z) => {
        zone(z, colours.clear, z.name);
        const box = boxOf(z.polygon || []);
        if (box && isNumber(z.heading)) {
          c.strokeStyle = colours.clear;
          this.arrow((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, Math.cos(z.heading), Math.sin(z.heading));
        }
      });
      c.fillStyle = colours.soft;
      c.strokeStyle = colours.soft;
      c.lineWidth = 1;
      for (const outline of world.outlines || []) {
        this.polygon(outline);
        c.globalAlpha = 0.35;
        c.fill();
        c.globalAlpha = 1;
        c.stroke();
      }
      // Over the walls.
      names.forEach((draw) => draw());
    }

    drawDoors(moment) {
      const { context: c, colours } = this;
      for (const door of moment.doors) {
        this.polygon(door.shape, door.pose);
        c.fillStyle = colours.ink;
        c.fill();
        c.strokeStyle = colours.ink;
        c.lineWidth = 1;
        c.stroke();
      }
    }

    drawGoal() {
      const { context: c, colours, run } = this;
      if (run.goal) {
        c.fillStyle = colours.good;
        c.globalAlpha = 0.25;
        this.disc(run.goal[0], run.goal[1], Math.max(run.goal_tolerance || 0.1, 0.1));
        c.fill();
        c.globalAlpha = 1;
        c.strokeStyle = colours.good;
        c.lineWidth = 2;
        c.stroke();
        this.arrow(run.goal[0], run.goal[1], 0.5 * Math.cos(run.goal[2] || 0), 0.5 * Math.sin(run.goal[2] || 0));
      }
      if (run.start) {
        c.strokeStyle = colours.ink;
        c.lineWidth = 1.5;
        this.disc(run.start[0], run.start[1], 0.12);
        c.stroke();
      }
    }

    drawTrail(moment) {
      const { context: c, colours, run } = this;
      const { x = [], y = [], mode = [] } = run;
      c.lineCap = "round";
      c.lineJoin = "round";
      // What is still to come, faintly; what has been, by mode.
      c.strokeStyle = colours.soft;
      c.globalAlpha = 0.45;
      c.lineWidth = 1.2;
      c.beginPath();
      for (let i = moment.i; i < x.length; i++) if (isNumber(x[i])) c.lineTo(...this.px(x[i], y[i]));
      c.stroke();
      c.globalAlpha = 1;
      c.lineWidth = 3;
      for (let i = 0; i < moment.i; ) {
        c.strokeStyle = MODE_COLOURS[mode[i]] || colours.soft;
        c.beginPath();
        const from = mode[i];
        if (isNumber(x[i])) c.moveTo(...this.px(x[i], y[i]));
        do {
          i++;
          if (isNumber(x[i])) c.lineTo(...this.px(x[i], y[i]));
        } while (i < moment.i && mode[i] === from);
        if (i === moment.i && moment.robot) c.lineTo(...this.px(moment.robot.x, moment.robot.y));
        c.stroke();
      }
      for (const mark of run.marks || []) {
        if (mark.what !== "contact" || mark.t > moment.t) continue;
        const at = outrider.momentOf(run, mark.t).robot;
        if (at) this.cross(at.x, at.y);
      }
    }

    cross(x, y) {
      const { context: c, colours } = this;
      const [px, py] = this.px(x, y);
      c.strokeStyle = colours.bad;
      c.lineWidth = 3;
      c.beginPath();
      c.moveTo(px - 7, py - 7);
      c.lineTo(px + 7, py + 7);
      c.moveTo(px + 7, py - 7);
      c.lineTo(px - 7, py + 7);
      c.stroke();
    }

    drawActors(moment) {
      const { context: c, colours } = this;
      for (const actor of moment.actors) {
        const { x, y, yaw } = actor.pose;
        c.fillStyle = colours.person;
        c.globalAlpha = 0.35;
        if (actor.shape) this.polygon(actor.shape, actor.pose);
        else this.disc(x, y, actor.radius);
        c.fill();
        c.globalAlpha = 1;
        c.strokeStyle = colours.person;
        c.lineWidth = 1.4;
        c.stroke();
        if (isNumber(actor.v) && Math.abs(actor.v) > 0.02) this.arrow(x, y, actor.v * Math.cos(yaw), actor.v * Math.sin(yaw));
      }
      if (moment.actors.length <= 12) {
        for (const actor of moment.actors) this.name(actor.name, actor.pose.x, actor.pose.y + actor.radius, colours.person, -6);
      }
    }

    drawTracks(moment) {
      const { context: c, colours } = this;
      c.strokeStyle = colours.believed;
      for (const track of moment.tracks) {
        if (!isNumber(track.x) || !isNumber(track.y)) continue;
        c.lineWidth = 1.5;
        c.setLineDash([3, 3]);
        this.disc(track.x, track.y, track.radius);
        c.stroke();
        if (track.body.length) {
          this.polygon(track.body);
          c.stroke();
        }
        c.setLineDash([]);
        if (Math.hypot(track.vx, track.vy) > 0.05) this.arrow(track.x, track.y, track.vx, track.vy);
      }
    }

    drawRobot(moment) {
      const { context: c, colours } = this;
      const body = this.footprint || [[0.3, 0.22], [-0.3, 0.22], [-0.3, -0.22], [0.3, -0.22]];
      if (moment.belief) {
        const { x, y } = moment.belief;
        c.strokeStyle = colours.believed;
        if (isNumber(moment.sigma)) {
          c.fillStyle = colours.believed;
          c.globalAlpha = 0.2;
          this.disc(x, y, 2 * moment.sigma);
          c.fill();
          c.globalAlpha = 1;
          c.lineWidth = 1;
          c.stroke();
        }
      }
      if (moment.robot) {
        this.polygon(body, moment.robot);
        c.fillStyle = colours.actual;
        c.globalAlpha = 0.4;
        c.fill();
        c.globalAlpha = 1;
        c.strokeStyle = colours.actual;
        c.lineWidth = 1.8;
        c.stroke();
        c.lineWidth = 2.5;
        this.line(moment.robot.x, moment.robot.y, 0.45 * Math.cos(moment.robot.yaw), 0.45 * Math.sin(moment.robot.yaw));
      }
      if (moment.belief) {
        c.setLineDash([4, 3]);
        c.lineWidth = 1.6;
        c.strokeStyle = colours.believed;
        this.polygon(body, moment.belief);
        c.stroke();
        c.setLineDash([]);
      }
    }

    arrow(x, y, dx, dy) {
      const c = this.context;
      this.line(x, y, dx, dy);
      const [ax, ay] = this.px(x + dx, y + dy);
      const angle = Math.atan2(-dy, dx);
      c.beginPath();
      c.moveTo(ax - 6 * Math.cos(angle - 0.5), ay - 6 * Math.sin(angle - 0.5));
      c.lineTo(ax, ay);
      c.lineTo(ax - 6 * Math.cos(angle + 0.5), ay - 6 * Math.sin(angle + 0.5));
      c.stroke();
    }

    /** A name that is readable on whatever is below it. */
    name(text, x, y, colour, below) {
      const c = this.context;
      const [px, py] = this.px(x, y);
      c.font = "600 11.5px system-ui, sans-serif";
      c.textAlign = "center";
      c.lineWidth = 3;
      c.lineJoin = "round";
      c.strokeStyle = this.colours.bg;
      c.strokeText(text, px, py + below);
      c.fillStyle = colour;
      c.fillText(text, px, py + below);
    }

    drawScaleBar(height) {
      const { context: c, colours } = this;
      const metres = [0.5, 1, 2, 5, 10, 20, 50].find((m) => m * this.scale > 50) || 100;
      c.strokeStyle = colours.soft;
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(12, height - 12);
      c.lineTo(12 + metres * this.scale, height - 12);
      c.stroke();
      c.font = "11.5px system-ui, sans-serif";
      c.textAlign = "left";
      c.fillStyle = colours.soft;
      c.fillText(metres + " m", 12, height - 18);
    }

    drawBadges(moment, width) {
      const { context: c, colours } = this;
      c.font = "600 12px system-ui, sans-serif";
      c.textAlign = "left";
      let y = 8;
      for (const fault of moment.faults.slice(0, 4)) {
        const text = outrider.clip(c, "fault: " + outrider.faultText(fault.what), width - 36);
        c.fillStyle = colours.robust;
        c.fillRect(8, y, c.measureText(text).width + 16, 20);
        c.fillStyle = colours.card;
        c.fillText(text, 16, y + 14);
        y += 24;
      }
    }
  }

  /** What a fault is, in words: its tag with its fields. */
  outrider.faultText = function (what) {
    if (what === null || what === undefined) return "?";
    if (typeof what !== "object") return String(what).replace(/_/g, " ");
    if (Array.isArray(what)) return what.map(outrider.faultText).join(", ");
    const parts = Object.entries(what).map(([k, v]) => k.replace(/_/g, " ") + " " + outrider.faultText(v));
    return parts.join(", ");
  };

  /** As much of a text as fits. */
  outrider.clip = function (context, text, width) {
    if (context.measureText(text).width <= width) return text;
    let end = text.length;
    while (end > 1 && context.measureText(text.slice(0, end) + "…").width > width) end--;
    return text.slice(0, end) + "…";
  };

  /** Colours of the page, read again when the scheme changes. */
  let known = null;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (known = null));
  function palette() {
    if (known) return known;
    const style = getComputedStyle(document.documentElement);
    const names = ["bg", "card", "ink", "soft", "line", "grid", "good", "bad", "warn", "actual", "cmd", "clear", "robust", "person", "believed"];
    known = Object.fromEntries(names.map((n) => [n, style.getPropertyValue("--" + n).trim()]));
    return known;
  }

  /** Fits a canvas to its place and the screen's pixels; width and height in CSS pixels, and the colours. */
  outrider.prepare = function (canvas, context) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return [width, height, palette()];
  };

  outrider.Plan = Plan;
})(window.outrider);
