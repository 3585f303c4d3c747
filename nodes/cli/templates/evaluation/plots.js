// The run over time: panels above each other with one cursor.
"use strict";
window.outrider = window.outrider || {};
(function (outrider) {
  const LEFT = 52;
  const RIGHT = 10;
  const TOP = 6;
  const TITLE = 20;
  const PANEL = 74;
  const ROW = 18;
  const GAP = 12;
  const AXIS = 22;
  // A greater clearance or time to collision is as good as this one: the scale is for what is near.
  const CLEARANCE_SHOWN_M = 3;
  const TTC_SHOWN_S = 10;
  const GATE_COLOURS = ["#868e96", "#e8590c", "#2f9e44", "#7048e8", "#c92a2a"];
  const isNumber = (v) => typeof v === "number" && Number.isFinite(v);

  /** Round values within a range. */
  function ticks(from, to, count) {
    const rough = (to - from) / count;
    if (!(rough > 0)) return [from];
    const magnitude = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((m) => m * magnitude).find((s) => s >= rough * 0.999);
    const all = [];
    for (let v = Math.ceil(from / step - 1e-9) * step; v <= to + 1e-9 * step && all.length < 50; v += step) all.push(Number(v.toPrecision(12)));
    return all;
  }

  function hasValues(column) {
    return Array.isArray(column) && column.some(isNumber);
  }

  class Plots {
    constructor(canvas, seek) {
      this.canvas = canvas;
      this.context = canvas.getContext("2d");
      this.still = document.createElement("canvas");
      this.run = null;
      const move = (event) => {
        if (!this.run) return;
        const box = canvas.getBoundingClientRect();
        const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
        seek(Math.min(Math.max(share, 0), 1) * this.end);
      };
      canvas.addEventListener("pointerdown", (event) => {
        move(event);
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (event.buttons > 0) move(event);
      });
    }

    show(run, names) {
      this.run = run;
      this.names = names;
      this.end = Math.max((run.t || [])[(run.t || []).length - 1] || 0, 0.1);
      this.panels = [
        { title: "speed [m/s]", lines: [["command_v", "cmd", "commanded"], ["v", "actual", "true"]], zero: true },
        { title: "distances [m]", lines: [["clearance", "clear", "clearance"], ["person_gap", "person", "person gap"]], most: CLEARANCE_SHOWN_M },
        { title: "time to collision [s]", lines: [["ttc", "robust", "TTC"]], most: TTC_SHOWN_S },
      ].filter((p) => p.lines.some(([name]) => hasValues(run[name])));
      this.bands = [
        { title: "mode", spans: this.spans(run.mode, names.modes, outrider.MODE_COLOURS) },
        { title: "gate", spans: this.spans(run.gate, names.gates, GATE_COLOURS) },
        { title: "faults", spans: (run.faults || []).map((f) => ({ from: f.from, to: Math.min(f.to, this.end), text: outrider.faultText(f.what), colour: "#7048c6" })) },
      ].filter((b) => b.spans.length > 0);
      const height = TOP + this.panels.length * (TITLE + PANEL + GAP) + this.bands.length * (ROW + 4) + AXIS;
      this.canvas.style.height = height + "px";
      this.stale = true;
    }

    /** Stretches of one value. */
    spans(column, names, colours) {
      const { t } = this.run;
      const all = [];
      if (!Array.isArray(column)) return all;
      for (let i = 0; i < column.length; ) {
        let j = i + 1;
        while (j < column.length && column[j] === column[i]) j++;
        if (isNumber(column[i])) all.push({ from: t[i], to: j < t.length ? t[j] : this.end, text: names[column[i]] || "?", colour: colours[column[i]] || "#495057" });
        i = j;
      }
      return all;
    }

    x(t) {
      return LEFT + (t / this.end) * (this.width - LEFT - RIGHT);
    }

    draw(t) {
      const { canvas, context: c } = this;
      const [width, height, colours] = outrider.prepare(canvas, c);
      if (!this.run || width === 0) return;
      if (this.stale || this.width !== width || this.colours !== colours) {
        Object.assign(this, { width, height, colours, stale: false });
        this.drawStill();
      }
      c.clearRect(0, 0, width, height);
      c.drawImage(this.still, 0, 0, width, height);
      c.strokeStyle = colours.ink;
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(this.x(t), TOP);
      c.lineTo(this.x(t), height - AXIS);
      c.stroke();
    }

    /** All but the cursor, kept until the size or the colours change. */
    drawStill() {
      this.still.width = this.canvas.width;
      this.still.height = this.canvas.height;
      const c = this.still.getContext("2d");
      const ratio = this.still.width / this.width;
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      let y = TOP;
      for (const panel of this.panels) {
        this.drawPanel(c, panel, y);
        y += TITLE + PANEL + GAP;
      }
      for (const band of this.bands) {
        this.drawBand(c, band, y);
        y += ROW + 4;
      }
      const { colours } = this;
      c.font = "11px system-ui, sans-serif";
      c.fillStyle = colours.soft;
      c.textAlign = "center";
      for (const tick of ticks(0, this.end, this.width < 500 ? 5 : 10)) c.fillText(tick + (tick === 0 ? " s" : ""), this.x(tick), y + 14);
    }

    drawPanel(c, panel, top) {
      const { run, colours, width } = this;
      const lines = panel.lines.filter(([name]) => hasValues(run[name]));
      const values = lines.flatMap(([name]) => run[name].filter(isNumber));
      let [low, high] = [Math.min(0, ...extent(values)), Math.max(0.1, ...extent(values))];
      if (panel.most) high = Math.min(high, panel.most);
      high += 0.05 * (high - low);
      if (low < 0) low -= 0.05 * (high - low);
      const [y0, y1] = [top + TITLE + PANEL, top + TITLE];
      const at = (v) => y0 + ((v - low) / (high - low)) * (y1 - y0);
      c.font = "600 12px system-ui, sans-serif";
      c.textAlign = "left";
      c.fillStyle = colours.ink;
      c.fillText(panel.title, 0, top + 12);
      this.legend(c, lines, top + 12);
      c.font = "11px system-ui, sans-serif";
      c.lineWidth = 1;
      for (const tick of ticks(low, high, 3)) {
        c.strokeStyle = Math.abs(tick) < 1e-9 ? colours.soft : colours.grid;
        c.beginPath();
        c.moveTo(LEFT, at(tick));
        c.lineTo(width - RIGHT, at(tick));
        c.stroke();
        c.fillStyle = colours.soft;
        c.textAlign = "right";
        c.fillText(tick, LEFT - 6, at(tick) + 4);
      }
      c.save();
      c.beginPath();
      c.rect(LEFT, y1 - 1, width - LEFT - RIGHT, PANEL + 2);
      c.clip();
      for (const [name, colour] of lines) {
        c.strokeStyle = colours[colour];
        c.lineWidth = 1.6;
        c.beginPath();
        let drawn = false;
        run[name].forEach((v, i) => {
          if (!isNumber(v)) {
            drawn = false;
            return;
          }
          const [px, py] = [this.x(run.t[i]), at(v)];
          if (drawn) c.lineTo(px, py);
          else c.moveTo(px, py);
          // A single value is a dot.
          if (!drawn) c.lineTo(px + 0.5, py);
          drawn = true;
        });
        c.stroke();
      }
      c.restore();
    }

    legend(c, lines, y) {
      c.font = "11px system-ui, sans-serif";
      c.textAlign = "right";
      let x = this.width - RIGHT;
      for (const [, colour, label] of lines.slice().reverse()) {
        c.fillStyle = this.colours.soft;
        c.fillText(label, x, y);
        x -= c.measureText(label).width + 5;
        c.strokeStyle = this.colours[colour];
        c.lineWidth = 2;
        c.beginPath();
        c.moveTo(x - 14, y - 4);
        c.lineTo(x, y - 4);
        c.stroke();
        x -= 26;
      }
    }

    drawBand(c, band, top) {
      const { colours } = this;
      c.font = "11px system-ui, sans-serif";
      c.textAlign = "right";
      c.fillStyle = colours.soft;
      c.fillText(band.title, LEFT - 6, top + 13);
      for (const span of band.spans) {
        const [x0, x1] = [this.x(span.from), this.x(span.to)];
        c.fillStyle = span.colour;
        c.fillRect(x0, top, Math.max(x1 - x0, 1), ROW);
        if (x1 - x0 > 34) {
          c.fillStyle = "#fff";
          c.textAlign = "left";
          c.fillText(outrider.clip(c, span.text, x1 - x0 - 8), x0 + 4, top + 13);
        }
      }
    }
  }

  function extent(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const v of values) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    return low <= high ? [low, high] : [0, 0];
  }

  outrider.Plots = Plots;
})(window.outrider);
