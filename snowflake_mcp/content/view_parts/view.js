"use strict";
// A result as a table and a chart. Values become text nodes and numbers, never markup: nothing here
// makes elements of text.

const SHOWN_AT_ONCE = 200;
const FETCHED_AT_ONCE = 1000;
const MOST_MARKS = 20000;
const MOST_PLACES = 60;
const MOST_SERIES = 8;
const COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7A7A7A", "#8C6D31"];
const REST = "#B0B0B0";
const WIDTH = 800, HEIGHT = 380, LEFT = 76, RIGHT = 150, TOP = 12, BOTTOM = 44;
const SVG = "http://www.w3.org/2000/svg";

const $ = (id) => document.getElementById(id);
const view = { columns: [], rows: [], asked: {}, host: {}, sort: -1, down: false, shown: SHOWN_AT_ONCE, id: "", more: false };

// Messages: JSON-RPC with the window that shows this one.

let last = 0;
const waiting = new Map();

function send(message) {
  window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
}

function ask(method, params) {
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    send({ id, method, params });
  });
}

window.addEventListener("message", (event) => {
  const message = event.data;
  if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
  if (message.method === undefined) {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (asked) message.error ? asked.reject(new Error(String(message.error.message))) : asked.resolve(message.result);
    return;
  }
  const heard = HEARD[message.method];
  if (heard) heard(message.params || {});
  if (message.id !== undefined) {
    if (message.method === "ping" || message.method === "ui/resource-teardown") send({ id: message.id, result: {} });
    else send({ id: message.id, error: { code: -32601, message: "Method not found" } });
  }
});

const HEARD = {
  "ui/notifications/tool-input": (params) => { view.asked = params.arguments || {}; },
  "ui/notifications/tool-result": (params) => take(params),
  "ui/notifications/tool-cancelled": () => tell("The call was cancelled."),
  "ui/notifications/host-context-changed": (params) => dress(params),
};

function dress(context) {
  if (context.theme === "light" || context.theme === "dark") document.documentElement.style.colorScheme = context.theme;
  const variables = (context.styles && context.styles.variables) || {};
  for (const [name, value] of Object.entries(variables))
    if (/^--[a-z0-9-]+$/.test(name) && typeof value === "string") document.documentElement.style.setProperty(name, value);
}

// The result.

function tell(text) {
  $("told").textContent = text;
}

function textOf(result) {
  const texts = (result.content || []).filter((block) => block.type === "text").map((block) => String(block.text));
  return texts.join("\n");
}

function take(result) {
  const found = result.structuredContent;
  view.columns = found && Array.isArray(found.columns) ? found.columns : [];
  view.rows = found && Array.isArray(found.rows) ? found.rows : [];
  view.id = found ? String(found.query_id || "") : "";
  view.more = Boolean(found && found.truncated && !found.kind);
  view.sort = -1;
  view.shown = SHOWN_AT_ONCE;
  const there = !result.isError && view.columns.length > 0 && view.rows.length > 0;
  // The first line says what it is; the rest of the text is the rows once more.
  tell(there ? textOf(result).split("\n")[0] : textOf(result) || "No rows.");
  for (const id of ["choices", "rows"]) $(id).hidden = !there;
  $("figure").hidden = true;
  if (!there) return;
  offer(found);
  rows();
  chart();
}

function kindOf(at) {
  const type = String(view.columns[at].type).split("(")[0];
  if (type === "NUMBER" || type === "FLOAT" || type === "DECFLOAT") return "number";
  return type === "DATE" || type.startsWith("TIMESTAMP") ? "date" : "text";
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    option.selected = chosen.includes(value);
    return option;
  }));
}

function offer(found) {
  const named = view.columns.map((column, at) => [String(at), String(column.name)]);
  const numbers = named.filter(([at]) => kindOf(at) === "number");
  const places = view.columns.map((_, at) => at);
  let x = places.find((at) => kindOf(at) === "date") ?? places.find((at) => kindOf(at) === "text") ?? 0;
  let y = numbers.map(([at]) => at).filter((at) => Number(at) !== x).slice(0, 1);
  let color = "";
  if (found.kind) {
    // Of chart_query: x, then y, then color.
    const split = view.asked.color !== undefined && view.asked.color !== null || found.kind === "heatmap" && places.length > 2;
    x = 0;
    y = places.slice(1, split ? -1 : undefined).map(String);
    color = split ? String(places.length - 1) : "";
  }
  $("kind").value = found.kind || "";
  options($("x"), named, [String(x)]);
  options($("y"), named, y);
  options($("color"), [["", "none"], ...named], [color]);
}

function shownText(value) {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// The table.

function number(value) {
  if (value === null || value === undefined || value === "" || typeof value === "boolean") return NaN;
  const found = Number(value);
  return Number.isFinite(found) ? found : NaN;
}

function measure(value, kind) {
  return kind === "date" ? Date.parse(String(value)) : number(value);
}

function ordered() {
  const wanted = $("filter").value.toLowerCase();
  const found = wanted
    ? view.rows.filter((row) => row.some((value) => shownText(value).toLowerCase().includes(wanted)))
    : view.rows.slice();
  if (view.sort < 0) return found;
  const kind = kindOf(view.sort);
  const sign = view.down ? -1 : 1;
  return found.sort((left, right) => {
    const a = left[view.sort], b = right[view.sort];
    // NULL is last either way.
    if (a === null || b === null) return (a === null) - (b === null);
    if (kind === "text") return sign * shownText(a).localeCompare(shownText(b));
    const first = measure(a, kind), second = measure(b, kind);
    if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) - Number.isNaN(second);
    return sign * (first - second);
  });
}

function rows() {
  const found = ordered();
  $("heads").replaceChildren(...view.columns.map((column, at) => {
    const head = document.createElement("th");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = String(column.name) + (view.sort === at ? (view.down ? " ▼" : " ▲") : "");
    button.title = String(column.type);
    button.addEventListener("click", () => {
      view.down = view.sort === at && !view.down;
      view.sort = at;
      rows();
    });
    head.scope = "col";
    if (view.sort === at) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
    head.append(button);
    return head;
  }));
  const kinds = view.columns.map((_, at) => kindOf(at));
  $("body").replaceChildren(...found.slice(0, view.shown).map((row) => {
    const line = document.createElement("tr");
    line.append(...view.columns.map((_, at) => {
      const cell = document.createElement("td");
      const value = row[at];
      cell.textContent = shownText(value);
      if (value === null || value === undefined) cell.className = "null";
      else if (kinds[at] === "number") cell.className = "number";
      return cell;
    }));
    return line;
  }));
  const most = Math.min(view.shown, found.length);
  $("count").textContent = `${most} of ${found.length} rows` + (found.length < view.rows.length ? `, ${view.rows.length} without the filter` : "");
  $("more").hidden = found.length <= view.shown;
  const capable = view.host.hostCapabilities && view.host.hostCapabilities.serverTools;
  $("fetch").hidden = !(view.more && view.id && capable);
}

async function fetchMore() {
  $("fetch").disabled = true;
  try {
    const wanted = { query_id: view.id, offset: view.rows.length, limit: FETCHED_AT_ONCE };
    const result = await ask("tools/call", { name: "fetch_results", arguments: wanted });
    const found = result.structuredContent;
    if (result.isError || !found || !Array.isArray(found.rows)) throw new Error(textOf(result));
    view.rows = view.rows.concat(found.rows);
    view.more = found.next_offset !== null && found.rows.length > 0;
    rows();
    chart();
  } catch (problem) {
    view.more = false;
    rows();
    tell(problem.message || "No more rows could be fetched.");
  }
  $("fetch").disabled = false;
}

// The chart.

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

function brief(text, most) {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

function figures(value) {
  return Math.abs(value) >= 1e15 || (value !== 0 && Math.abs(value) < 1e-4)
    ? value.toExponential(2)
    : value.toLocaleString("en-US", { maximumFractionDigits: 4 });
}

function stamp(value) {
  const text = new Date(value).toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
}

function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || rough;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9 && found.length < 20; at += step) found.push(at);
  return found;
}

function span(values, zero) {
  let low = zero ? 0 : Infinity, high = zero ? 0 : -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  return low === high ? [low - (zero && low === 0 ? 0 : 0.5), high + 0.5] : [low, high];
}

class Plot {
  constructor() {
    this.svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": "caption" });
    this.right = WIDTH - RIGHT;
    this.bottom = HEIGHT - BOTTOM;
  }

  across([low, high]) {
    return (value) => LEFT + ((value - low) / (high - low)) * (this.right - LEFT);
  }

  upwards([low, high]) {
    return (value) => this.bottom - ((value - low) / (high - low)) * (this.bottom - TOP);
  }

  frame(xName, yName) {
    this.svg.append(
      node("line", { class: "axis", x1: LEFT, x2: this.right, y1: this.bottom, y2: this.bottom }),
      node("line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: this.bottom }),
      node("text", { x: (LEFT + this.right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, brief(xName, 60)),
      node("text", { transform: `translate(12 ${(TOP + this.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, brief(yName, 40)),
    );
  }

  below(at, text) {
    this.svg.append(node("text", { x: at, y: this.bottom + 16, "text-anchor": "middle" }, brief(text, 14)));
  }

  beside(at, text) {
    this.svg.append(node("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, brief(text, 11)));
  }

  scale(range, place, write, show) {
    for (const value of ticks(range[0], range[1])) write.call(this, place(value), show(value));
  }

  names(labels, place) {
    const step = Math.max(1, Math.ceil(labels.length / 12));
    labels.forEach((label, at) => { if (at % step === 0) this.below(place(at), label); });
  }

  legend(names) {
    names.slice(0, 16).forEach(([name, color], at) => {
      this.svg.append(
        node("rect", { x: this.right + 12, y: TOP + at * 18, width: 10, height: 10, fill: color }),
        node("text", { x: this.right + 27, y: TOP + 9 + at * 18 }, brief(name, 18)),
      );
    });
  }
}

function chosen() {
  const color = $("color").value;
  return {
    kind: $("kind").value,
    x: Number($("x").value),
    y: Array.from($("y").selectedOptions, (option) => Number(option.value)),
    color: color === "" ? -1 : Number(color),
  };
}

function collected({ x, y, color }, byName) {
  const kind = byName ? "text" : kindOf(x);
  const labels = new Map();
  const series = new Map();
  // Names and dates have no length: without a column of numbers rows are counted.
  const measured = y.filter((at) => kindOf(at) === "number");
  let marks = 0, leftOut = 0;
  for (const row of view.rows) {
    for (const at of measured.length ? measured : [-1]) {
      const value = at < 0 ? 1 : number(row[at]);
      let place = row[x];
      if (place === null || Number.isNaN(value) || marks >= MOST_MARKS) { leftOut++; continue; }
      if (kind === "text") {
        place = shownText(place);
        if (!labels.has(place)) labels.set(place, labels.size);
        place = labels.get(place);
      } else if (Number.isNaN(place = measure(place, kind))) { leftOut++; continue; }
      const name = color >= 0 ? shownText(row[color]) : measured.length > 1 ? String(view.columns[at].name) : "";
      if (!series.has(name)) series.set(name, []);
      series.get(name).push([place, value]);
      marks++;
    }
  }
  return { kind, labels: Array.from(labels.keys()), series, leftOut };
}

function yName({ y }) {
  return y.length === 0 ? "rows" : y.map((at) => String(view.columns[at].name)).join(", ");
}

function colored(series) {
  const weight = (points) => points.reduce((sum, point) => sum + Math.abs(point[1]), 0);
  const heavy = Array.from(series.keys()).sort((a, b) => weight(series.get(b)) - weight(series.get(a))).slice(0, MOST_SERIES);
  const entries = Array.from(series.keys()).filter((name) => heavy.includes(name)).map((name, at) => [name, COLORS[at]]);
  const colors = new Map(entries);
  const others = series.size - heavy.length;
  return { of: (name) => colors.get(name) || REST, legend: others > 0 ? [...entries, [`other (${others})`, REST]] : entries };
}

function points(plot, wanted, line) {
  const { kind, labels, series, leftOut } = collected(wanted, false);
  const all = Array.from(series.values()).flat();
  const xs = kind === "text" ? [-0.5, Math.max(0.5, labels.length - 0.5)] : span(all.map((point) => point[0]), false);
  const ys = span(all.map((point) => point[1]), false);
  const across = plot.across(xs), upwards = plot.upwards(ys);
  const colors = colored(series);
  for (const [name, found] of series) {
    if (line) {
      if (kind !== "text") found.sort((a, b) => a[0] - b[0]);
      const path = found.map(([x, y]) => `${across(x).toFixed(1)},${upwards(y).toFixed(1)}`).join(" ");
      plot.svg.append(node("polyline", { points: path, fill: "none", stroke: colors.of(name), "stroke-width": 2 }));
    }
    if (!line || found.length <= 60)
      for (const [x, y] of found)
        plot.svg.append(node("circle", { cx: across(x).toFixed(1), cy: upwards(y).toFixed(1), r: 3, fill: colors.of(name), "fill-opacity": line ? 1 : 0.7 }));
  }
  if (kind === "text") plot.names(labels, across);
  else plot.scale(xs, across, plot.below, kind === "date" ? stamp : figures);
  plot.scale(ys, upwards, plot.beside, figures);
  if (series.size > 1) plot.legend(colors.legend);
  return leftOut;
}

function bars(plot, wanted) {
  const { labels, series, leftOut } = collected(wanted, true);
  const sums = new Map();
  const totals = labels.map(() => 0);
  for (const [name, found] of series)
    for (const [place, value] of found) {
      if (!sums.has(name)) sums.set(name, labels.map(() => 0));
      sums.get(name)[place] += value;
      totals[place] += Math.abs(value);
    }
  const heavy = totals.map((total, at) => [total, at]).sort((a, b) => b[0] - a[0]).slice(0, MOST_PLACES).map(([, at]) => at);
  const places = labels.map((_, at) => at).filter((at) => heavy.includes(at));
  const ys = span(Array.from(sums.values()).flatMap((values) => places.map((at) => values[at])), true);
  const across = plot.across([-0.5, places.length - 0.5]), upwards = plot.upwards(ys);
  const width = (0.8 * (plot.right - LEFT)) / places.length / Math.max(1, sums.size);
  const colors = colored(series);
  Array.from(sums).forEach(([name, values], turn) => places.forEach((place, at) => {
    const tip = upwards(values[place]), zero = upwards(0);
    plot.svg.append(node("rect", {
      x: (across(at) + (turn - sums.size / 2) * width).toFixed(1), width: Math.max(0.5, width).toFixed(1),
      y: Math.min(tip, zero).toFixed(1), height: Math.abs(tip - zero).toFixed(1), fill: colors.of(name),
    }));
  }));
  plot.names(places.map((at) => labels[at]), across);
  plot.scale(ys, upwards, plot.beside, figures);
  if (series.size > 1) plot.legend(colors.legend);
  return leftOut + labels.length - places.length;
}

function bins(plot, { x }) {
  const kind = kindOf(x);
  const found = view.rows.map((row) => (row[x] === null ? NaN : measure(row[x], kind))).filter((value) => !Number.isNaN(value));
  const xs = span(found, false);
  const count = Math.min(40, Math.max(5, Math.ceil(Math.sqrt(found.length))));
  const counts = new Array(count).fill(0);
  for (const value of found) counts[Math.min(count - 1, Math.floor(((value - xs[0]) / (xs[1] - xs[0])) * count))]++;
  const ys = span(counts, true);
  const across = plot.across(xs), upwards = plot.upwards(ys);
  const width = (plot.right - LEFT) / count;
  counts.forEach((value, at) => plot.svg.append(node("rect", {
    x: (LEFT + at * width).toFixed(1), width: Math.max(0.5, width - 1).toFixed(1),
    y: upwards(value).toFixed(1), height: (plot.bottom - upwards(value)).toFixed(1), fill: COLORS[0],
  })));
  plot.scale(xs, across, plot.below, kind === "date" ? stamp : figures);
  plot.scale(ys, upwards, plot.beside, figures);
  return view.rows.length - found.length;
}

function cells(plot, { x, y, color }) {
  const down = y.length ? y[0] : x;
  const columns = new Map(), lines = new Map(), sums = new Map();
  let leftOut = 0;
  for (const row of view.rows) {
    const value = color < 0 ? 1 : number(row[color]);
    if (row[x] === null || row[down] === null || Number.isNaN(value)) { leftOut++; continue; }
    const column = shownText(row[x]), line = shownText(row[down]);
    if (!columns.has(column)) { if (columns.size >= MOST_PLACES) { leftOut++; continue; } columns.set(column, columns.size); }
    if (!lines.has(line)) { if (lines.size >= MOST_PLACES) { leftOut++; continue; } lines.set(line, lines.size); }
    const key = columns.get(column) * MOST_PLACES + lines.get(line);
    sums.set(key, (sums.get(key) || 0) + value);
  }
  const range = span(sums.values(), false);
  const width = (plot.right - LEFT) / Math.max(1, columns.size), height = (plot.bottom - TOP) / Math.max(1, lines.size);
  for (const [key, value] of sums) {
    const share = (value - range[0]) / (range[1] - range[0]);
    // From dark blue to yellow, which every kind of colour vision tells apart.
    const fill = `rgb(${Math.round(share * 254)} ${Math.round(34 + share * 198)} ${Math.round(78 - share * 22)})`;
    const cell = node("rect", {
      x: (LEFT + Math.floor(key / MOST_PLACES) * width).toFixed(1), y: (TOP + (key % MOST_PLACES) * height).toFixed(1),
      width: Math.max(0.5, width - 1).toFixed(1), height: Math.max(0.5, height - 1).toFixed(1), fill,
    });
    cell.append(node("title", {}, figures(value)));
    plot.svg.append(cell);
  }
  plot.names(Array.from(columns.keys()), (at) => LEFT + (at + 0.5) * width);
  const step = Math.max(1, Math.ceil(lines.size / 20));
  Array.from(lines.keys()).forEach((name, at) => { if (at % step === 0) plot.beside(TOP + (at + 0.5) * height, name); });
  plot.legend([[figures(range[1]), "rgb(254 232 56)"], [figures(range[0]), "rgb(0 34 78)"]]);
  return leftOut;
}

function chart() {
  const wanted = chosen();
  $("figure").hidden = !wanted.kind;
  for (const old of $("figure").querySelectorAll("svg")) old.remove();
  if (!wanted.kind) return;
  const plot = new Plot();
  const x = String(view.columns[wanted.x].name);
  const draw = { line: () => points(plot, wanted, true), scatter: () => points(plot, wanted, false), bar: () => bars(plot, wanted), histogram: () => bins(plot, wanted), heatmap: () => cells(plot, wanted) };
  const side = wanted.kind === "histogram" ? "rows" : yName(wanted);
  plot.frame(x, side);
  const leftOut = draw[wanted.kind]();
  $("caption").textContent = `${wanted.kind}: ${side} by ${x}` + (leftOut ? `; ${leftOut} values without a place` : "");
  $("figure").prepend(plot.svg);
}

// Begin.

for (const id of ["kind", "x", "y", "color"]) $(id).addEventListener("change", chart);
$("choices").addEventListener("submit", (event) => event.preventDefault());
$("filter").addEventListener("input", () => { view.shown = SHOWN_AT_ONCE; rows(); });
$("more").addEventListener("click", () => { view.shown += SHOWN_AT_ONCE; rows(); });
$("fetch").addEventListener("click", fetchMore);

let size = "";
new ResizeObserver(() => {
  const { width, height } = document.documentElement.getBoundingClientRect();
  const now = { width: Math.ceil(width), height: Math.ceil(height) };
  if (JSON.stringify(now) === size || !view.host.protocolVersion) return;
  size = JSON.stringify(now);
  send({ method: "ui/notifications/size-changed", params: now });
}).observe(document.documentElement);

ask("ui/initialize", {
  protocolVersion: "2026-01-26",
  appInfo: { name: "snowflake-mcp", version: "1" },
  appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
}).then((host) => {
  view.host = host || {};
  dress(view.host.hostContext || {});
  send({ method: "ui/notifications/initialized", params: {} });
}).catch((problem) => tell(problem.message));
