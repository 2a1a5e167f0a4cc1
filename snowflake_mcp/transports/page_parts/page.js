"use strict";
(() => {
  const POLL_MS = 3000;
  const RETRY_LIVE_MS = 30000;
  const KEY = "snowflake-mcp-token";
  const SVG = "http://www.w3.org/2000/svg";
  const at = (id) => document.getElementById(id);
  let token = sessionStorage.getItem(KEY) || "";
  let socket = null;
  let timer = 0;
  let latest = null;

  class Denied extends Error {}

  // ---- asking -----------------------------------------------------------------------------
  async function ask(method, path, body) {
    const headers = {Accept: "application/json"};
    if (token) headers.Authorization = "Bearer " + token;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "same-origin", redirect: "error",
    });
    const read = await answer.json().catch(() => ({}));
    if (answer.ok) return read;
    const error = read.error || {};
    if (answer.status === 401 || answer.status === 403 ||
        (answer.status === 404 && error.code !== "unknown_subject")) throw new Denied();
    throw new Error(error.message || "The server answered " + answer.status + ".");
  }

  async function begin() {
    stop();
    try {
      show(await ask("GET", "/admin/overview"));
    } catch (error) {
      if (error instanceof Denied) return shut();
      unreachable(error);
      timer = setTimeout(begin, POLL_MS);
      return;
    }
    open();
    watch();
  }

  // Live over a WebSocket whose handshake shows a ticket: a token never stands in a URL.
  async function watch() {
    let given;
    try {
      given = await ask("POST", "/admin/ticket", {});
    } catch (error) {
      return error instanceof Denied ? shut() : poll();
    }
    const url = new URL(given.path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    let made;
    try {
      made = new WebSocket(url, [given.subprotocol, "ticket." + given.ticket]);
    } catch {
      return poll();
    }
    socket = made;
    let opened = false;
    made.onopen = () => { opened = true; tell("feed", "live"); };
    made.onmessage = (event) => show(JSON.parse(event.data));
    made.onclose = () => {
      if (socket !== made) return;
      socket = null;
      if (opened) begin(); else poll();
    };
  }

  function poll() {
    tell("feed", "asking every " + POLL_MS / 1000 + " s");
    const liveAgainAt = Date.now() + RETRY_LIVE_MS;
    const round = async () => {
      try {
        show(await ask("GET", "/admin/overview"));
      } catch (error) {
        if (error instanceof Denied) return shut();
        unreachable(error);
      }
      timer = setTimeout(Date.now() < liveAgainAt ? round : watch, POLL_MS);
    };
    timer = setTimeout(round, POLL_MS);
  }

  function stop() {
    clearTimeout(timer);
    const old = socket;
    socket = null;
    if (old) old.close();
  }

  // ---- the door ---------------------------------------------------------------------------
  function shut() {
    stop();
    const wrong = token !== "";
    token = "";
    sessionStorage.removeItem(KEY);
    at("board").hidden = true;
    at("forget").hidden = true;
    at("door").hidden = false;
    tell("facts", "");
    tell("feed", "");
    badge("not connected", "");
    say(wrong ? "This token does not have the right admin." : "");
    at("token").value = "";
    at("token").focus();
  }

  function open() {
    at("door").hidden = true;
    at("board").hidden = false;
    at("forget").hidden = token === "";
    say("");
  }

  at("door").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value.trim();
    sessionStorage.setItem(KEY, token);
    at("token").value = "";
    begin();
  });
  at("forget").addEventListener("click", () => { token = ""; shut(); });

  // ---- showing ----------------------------------------------------------------------------
  function tell(id, text) {
    const where = at(id);
    if (where.textContent !== text) where.textContent = text;
  }

  function say(text) { tell("said", text); }

  function badge(text, kind) {
    tell("state", text);
    at("state").className = "badge " + kind;
  }

  function unreachable(error) {
    badge("unreachable", "bad");
    tell("feed", "last seen " + (latest ? latest.timestamp : "never"));
    say("The server does not answer: " + error.message);
  }

  function span(seconds) {
    const s = Math.floor(seconds);
    if (s < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + String(s % 60).padStart(2, "0") + " s";
    return Math.floor(s / 3600) + " h " + String(Math.floor(s % 3600 / 60)).padStart(2, "0") + " min";
  }

  // Rows keep their elements while they last, so that a button keeps the focus.
  function rows(id, items, total, key, cells) {
    const body = at(id);
    const old = new Map([...body.children].map((row) => [row.dataset.key, row]));
    const seen = new Set();
    items.forEach((item, n) => {
      let name = String(key(item, n));
      if (seen.has(name)) name += " " + n;
      seen.add(name);
      let row = old.get(name);
      old.delete(name);
      const fresh = !row;
      if (fresh) {
        row = document.createElement("tr");
        row.dataset.key = name;
      }
      cells(item).forEach((cell, i) => {
        const td = row.children[i] || row.appendChild(document.createElement("td"));
        if (cell instanceof Function) { if (fresh) td.append(cell()); return; }
        const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
        const shown = text === null || text === "" ? "–" : String(text);
        if (td.textContent !== shown) td.textContent = shown;
        if (td.className !== kind) td.className = kind;
      });
      if (body.children[n] !== row) body.insertBefore(row, body.children[n] || null);
    });
    for (const [, row] of old) {
      const focused = row.contains(document.activeElement);
      row.remove();
      if (focused) at("main").focus();
    }
    const none = at(id + "-none");
    if (none) none.hidden = items.length > 0;
    const count = at(id + "-count");
    if (count) tell(count.id, items.length < total ? "(" + items.length + " of " + total + ")"
      : total ? "(" + total + ")" : "");
  }

  function action(text, label, question, path, body) {
    return () => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", async () => {
        if (button.ariaDisabled === "true" || !confirm(question)) return;
        // Not disabled: that would throw the focus away.
        button.ariaDisabled = "true";
        try {
          await ask("POST", path, body);
          say(label + ": done.");
        } catch (error) {
          if (error instanceof Denied) return shut();
          say(label + ": " + error.message);
          button.ariaDisabled = "false";
        }
      });
      return button;
    };
  }

  function line(id, values, {step_s: step, kept}, shown) {
    const svg = at(id);
    const most = Math.max(...values, 0);
    const last = values.length ? values[values.length - 1] : 0;
    tell(id + "-now", shown(last));
    svg.setAttribute("aria-label", "now " + shown(last) + ", at most " + shown(most) +
      " in the last " + span(values.length * step));
    const line = svg.firstElementChild || svg.appendChild(document.createElementNS(SVG, "polyline"));
    const width = 240 / (kept - 1);
    const left = (kept - values.length) * width;
    line.setAttribute("points", values.map((value, n) =>
      (left + n * width).toFixed(1) + "," + (46 - (most ? value / most : 0) * 44).toFixed(1)).join(" "));
  }

  function pairs(id, entries) {
    const list = at(id);
    entries.forEach(([name, value], n) => {
      const dt = list.children[2 * n] || list.appendChild(document.createElement("dt"));
      const dd = list.children[2 * n + 1] || list.appendChild(document.createElement("dd"));
      if (dt.textContent !== name) dt.textContent = name;
      if (dd.textContent !== value) dd.textContent = value;
    });
  }

  function show(view) {
    latest = view;
    const word = view.draining ? "draining" : view.maintenance !== null ? "in maintenance"
      : !view.ready ? "not ready" : view.checks.every((check) => check.ok) ? "ready" : "degraded";
    badge(word, word === "ready" ? "good" : word === "not ready" ? "bad" : "warn");
    tell("facts", "version " + view.version + ", up " + span(view.uptime_seconds) + ", " +
      view.backend + (view.maintenance !== null ? ": " + view.maintenance : ""));
    document.title = word + " – snowflake-mcp status";
    rows("checks", view.checks, 0, (check) => check.name, (check) =>
      [check.name,
        check.ok ? ["ok", "good"] : check.vital ? ["fails", "bad"] : ["degraded", "warn"],
        check.detail + (check.age_s >= 1 ? " (" + span(check.age_s) + " ago)" : "")]);
    rows("statements", view.statements, view.statements_total, (each, n) => each.request || "own " + n, (each) => {
      const cells = [each.principal, each.tool, each.status, [span(each.elapsed_s), "number"],
        each.connection, [each.query_id, "mono"], each.client];
      if (each.request) cells.push(action("Cancel",
        "Cancel " + each.tool + " of " + each.principal,
        "Stop " + each.request + " of " + each.principal + " and abort its statement?",
        "/admin/statements/kill", {request: each.request}));
      return cells;
    });
    rows("sessions", view.sessions, view.sessions_total, (each) => each.id, (each) =>
      [each.kind, each.principal, each.client, each.address, [span(each.age_s), "number"],
        [each.in_flight, "number"],
        action("End", "End the session of " + each.principal + " (" + each.kind + ")",
          "End this session? What runs in it stops.", "/admin/sessions/end", {session: each.id})]);
    rows("refusals", view.refusals, 0, (each) => each.request, (each) =>
      [[each.time.slice(11, 19), "mono"], each.principal, each.tool,
        each.kind + (each.rules.length ? ": " + each.rules.join(", ") : "")]);
    const trend = view.trend;
    line("calls", trend.calls_per_s, trend, (value) => value.toFixed(1));
    line("failures", trend.failures_per_s, trend, (value) => value.toFixed(1));
    line("latency", trend.p95_ms, trend, (value) =>
      value >= 1000 ? value / 1000 + " s" : value + " ms");
    const {lane, pool, threads, breakers} = view.warehouse;
    pairs("pool", [
      ["Statements", lane.running + " of " + lane.max_running + " places, " + lane.waiting + " waiting"],
      ["Sessions", pool.leased + " in use, " + pool.idle + " idle, " + pool.opening + " opening"],
      ["Logins", pool.logins + " worked, " + pool.failed_logins + " failed" +
        (pool.paused ? ", pausing: " + pool.paused : "")],
      ["Threads", threads.busy + " of " + threads.max + " busy"],
      ["Breakers", breakers.open + " open now, opened " + breakers.opened + " times"],
    ]);
  }

  begin();
})();
