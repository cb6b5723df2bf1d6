// The delivery console. What the service says is put on the page as text, never as markup.

const EVERY = 3000; // milliseconds between two looks
const SOON = 1000; // and to the one that shows what an action came to
const SHARE = 10; // and ten times as long as the last look took: a console is no load
const PATIENCE = 15000; // milliseconds a request may take
const PAGE = 25; // deliveries at once
const SAID_FOR = 8000; // milliseconds a good word stays

const $ = (id) => document.getElementById(id);

let token = "";
let chosen = ""; // the endpoint that was asked for
let shown = null; // and the one on the page, which is what the buttons are about
let before = ""; // the page of deliveries before this number
let opened = new Set(); // numbers of the deliveries whose attempts are looked at
let turn = 0; // of the looks under way, only the newest one counts
let timer = 0;
let fading = 0;
let busy = false;
let trouble = "";
let refreshed = "";

// -- the session ----------------------------------------------------------------------------------------------------

// The token leaves the address bar, and what is kept with the entry in the history outlasts a reload.
function arrive() {
  const said = new URLSearchParams(location.hash.slice(1)).get("token");
  if (said) history.replaceState({ token: said }, "", location.pathname);
  token = history.state?.token ?? "";
  if (!token) return end("There is no session here");
  $("ended").hidden = true;
  document.querySelector("main").hidden = false;
  complain("");
  refresh();
}

function end(title) {
  token = "";
  turn += 1;
  clearTimeout(timer);
  $("sure").close();
  tell("");
  complain("");
  $("freshness").textContent = "";
  document.querySelector("main").hidden = true;
  $("ended").hidden = false;
  const heading = $("ended").querySelector("h2");
  heading.textContent = title;
  heading.focus();
}

// -- asking the service ---------------------------------------------------------------------------------------------

async function ask(path, said) {
  const mine = token;
  let response;
  try {
    response = await fetch(`v1/webhook-endpoints${path}`, {
      method: said ? "POST" : "GET",
      headers: { Authorization: `Bearer ${mine}`, ...(said && { "Content-Type": "application/json" }) },
      body: said && JSON.stringify(said),
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401 && mine === token) end("This session has ended");
  if (!response.ok) throw new Error(fault(answer, response.status));
  return answer;
}

function fault(problem, status) {
  const detail = problem.detail ?? `The service answered ${status}.`;
  const more = (problem.errors ?? []).map((one) => one.detail).filter((one) => one !== detail);
  return [detail, ...more].join(" ");
}

async function look() {
  const found = [];
  let cursor = "";
  do {
    const page = await ask(`?limit=200${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    cursor = page.next_cursor ?? "";
  } while (cursor);
  const endpoints = found.filter((one) => one.phase !== "deleted");
  if (!chosen && endpoints.length === 1) chosen = endpoints[0].id;
  const endpoint = endpoints.find((one) => one.id === chosen);
  if (!endpoint) return { endpoints };
  const log = `/${endpoint.id}/deliveries`;
  const state = $("state").value;
  const query = new URLSearchParams({ limit: PAGE, ...(state && { state }), ...(before && { before }) });
  const [page, ...logs] = await Promise.all([ask(`${log}?${query}`), ...[...opened].map((seq) => ask(`${log}/${seq}`))]);
  return { endpoints, endpoint, page, logs: new Map(logs.map((one) => [one.seq, one.attempt_log])) };
}

async function refresh(wait = EVERY) {
  clearTimeout(timer);
  turn += 1;
  const mine = turn;
  const began = performance.now();
  try {
    const found = await look();
    if (mine !== turn) return;
    show(found);
    refreshed = new Date().toLocaleTimeString();
    $("freshness").textContent = `As of ${refreshed}`;
    if (trouble && $("wrong").textContent === trouble) complain("");
    trouble = "";
  } catch (error) {
    if (mine !== turn) return;
    $("freshness").textContent = refreshed && `Not refreshed since ${refreshed}`;
    trouble = `${error.message} It is tried again.`;
    complain(trouble);
  }
  if (!document.hidden) timer = setTimeout(() => refresh(), Math.max(wait, SHARE * (performance.now() - began)));
}

// -- in words -------------------------------------------------------------------------------------------------------

const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
const relative = new Intl.RelativeTimeFormat("en", { style: "short" });

function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  const unit = UNITS.find(([size]) => Math.abs(seconds) >= size);
  return unit ? relative.format(Math.trunc(seconds / unit[0]), unit[1]) : "now";
}

const clock = (moment) => new Date(moment).toLocaleString();
const plain = (word) => word.replaceAll("_", " ");
const percent = (rate) => (rate === null ? "–" : `${Math.floor(rate * 1000) / 10} %`);
const many = (count) => (count >= 10000 ? "10,000 or more" : count.toLocaleString("en"));

function complain(text) {
  if ($("wrong").textContent !== text) $("wrong").textContent = text;
}

function tell(text) {
  clearTimeout(fading);
  $("said").textContent = text;
  if (text) fading = setTimeout(() => tell(""), SAID_FOR);
}

// -- rows -----------------------------------------------------------------------------------------------------------

// A row stays what it is while its text changes, so nothing flickers and nobody's focus is lost.
function keyed(table, template, items, key, fill) {
  const known = new Map([...table.tBodies].map((body) => [body.dataset.key, body]));
  const wanted = new Set(items.map((item) => String(item[key])));
  for (const [name, body] of known) if (!wanted.has(name)) body.remove();
  items.forEach((item, place) => {
    const body = known.get(String(item[key])) ?? template.content.firstElementChild.cloneNode(true);
    body.dataset.key = item[key];
    if (table.tBodies[place] !== body) table.insertBefore(body, table.tBodies[place] ?? null);
    fill(body, item);
  });
  table.hidden = items.length === 0;
}

const at = (part, name) => part.querySelector(`[data-at="${name}"]`);

function put(part, name, text, mood = "") {
  const node = at(part, name);
  if (node.textContent !== text) node.textContent = text;
  if ((node.dataset.mood ?? "") !== mood) node.dataset.mood = mood;
  return node;
}

function when(part, name, moment, otherwise) {
  const node = put(part, name, moment ? ago(moment) : otherwise);
  node.dateTime = moment ?? "";
  node.title = moment ? clock(moment) : "";
}

// -- showing --------------------------------------------------------------------------------------------------------

const PHASES = { enabled: "good", pending: "warn", paused: "warn" };
const BREAKERS = { closed: "good", half_open: "warn", open: "bad" };
const STATES = { delivered: "good", pending: "warn", dead: "bad" };

function show({ endpoints, endpoint = null, page, logs }) {
  shown = endpoint;
  $("no-endpoints").hidden = endpoints.length > 0;
  keyed($("endpoints"), $("endpoint-row"), endpoints, "id", showRow);
  $("endpoint").hidden = !endpoint;
  if (!endpoint) return;
  showEndpoint(endpoint);
  opened = new Set(page.items.map((one) => one.seq).filter((seq) => opened.has(seq)));
  keyed($("deliveries"), $("delivery-row"), page.items, "seq", (body, one) => showDelivery(body, one, logs.get(one.seq)));
  $("no-deliveries").hidden = page.items.length > 0;
  $("newest").hidden = !before;
  $("older").hidden = page.next_before === null;
  $("older").dataset.before = page.next_before ?? "";
}

function showRow(body, { id, url, phase, disabled_reason: reason, health }) {
  const said = reason ? `${phase}: ${plain(reason)}` : phase;
  put(body, "url", url).setAttribute("aria-current", id === chosen);
  put(body, "phase", said, PHASES[phase] ?? (reason === "requested" ? "" : "bad"));
  put(body, "breaker", plain(health.breaker), BREAKERS[health.breaker]);
  put(body, "rate", percent(health.success_rate), health.success_rate !== null && health.success_rate < 0.9 ? "bad" : "");
  when(body, "success", health.last_success_at, "never");
  put(body, "backlog", many(health.backlog));
  when(body, "oldest", health.oldest_due_at, "–");
  put(body, "dead", many(health.dead), health.dead ? "bad" : "");
}

function showEndpoint({ url, description, event_types: types, recovery, health, open_moves: open }) {
  if ($("endpoint-title").textContent !== url) $("endpoint-title").textContent = url;
  $("description").textContent = description ?? "";
  fact("events", types.includes("*") ? "everything" : types.join(", "));
  fact("failing", health.failing_since && ago(health.failing_since));
  fact("failure", health.last_failure_at && ago(health.last_failure_at));
  fact("paused", health.paused_until && clock(health.paused_until));
  fact("recovery", recovery && recovering(recovery, health.recovered_to));
  label("ping", open.includes("ping") && "Ping");
  label("flow", (open.includes("pause") && "Pause") || (open.includes("resume") && "Resume"));
  label("power", (open.includes("disable") && "Disable") || (open.includes("enable") && "Enable"));
  label("recover", open.includes("recover") && "Recover");
  if (!open.includes("recover")) unfold(false);
}

function fact(name, text) {
  put($("facts"), name, text || "").parentElement.hidden = !text;
}

function recovering({ since, after_seq: after, went_on_after: gone }, to) {
  const begun = since ? `from ${clock(since)}` : `after event ${after}`;
  const from = gone === null ? begun : `${begun}, of which nothing up to ${gone} is kept any more`;
  return to === null ? `${from}: about to begin` : `${from}: at event ${to}`;
}

function label(id, text) {
  $(id).hidden = !text;
  if (text && $(id).textContent !== text) $(id).textContent = text;
}

function showDelivery(body, one, log) {
  put(body, "seq", `${one.seq}`);
  put(body, "type", one.type);
  put(body, "state", one.state, STATES[one.state]);
  when(body, "happened", one.at);
  when(body, "next", Date.parse(one.next_at) > Date.now() ? one.next_at : null, one.state === "pending" ? "due" : "–");
  put(body, "id", one.webhook_id);
  const button = put(body, "attempts", `${one.attempts}`);
  button.setAttribute("aria-label", `Attempts at event ${one.seq}: ${one.attempts}`);
  button.setAttribute("aria-expanded", opened.has(one.seq));
  const again = at(body, "redeliver");
  again.setAttribute("aria-label", `Redeliver event ${one.seq}`);
  again.hidden = !shown.open_moves.includes("recover"); // what cannot be recovered cannot be redelivered either
  body.querySelector(".log").hidden = !log;
  if (log) showLog(body, log);
}

function showLog(body, log) {
  at(body, "none").hidden = log.length > 0;
  const list = at(body, "log");
  while (list.children.length > log.length) list.lastElementChild.remove();
  log.forEach((attempt, place) => {
    if (!list.children[place]) list.append($("attempt").content.firstElementChild.cloneNode(true));
    const { number, at: moment, outcome, status, took_ms: took, cause } = attempt;
    put(list.children[place], "outcome", plain(outcome), outcome === "delivered" ? "good" : "bad");
    const answer = status ? `status ${status}` : "no answer";
    put(list.children[place], "said", `attempt ${number}, ${clock(moment)}: ${answer} after ${took} ms, sent for: ${cause}`);
  });
}

// -- doing ----------------------------------------------------------------------------------------------------------

async function act(path, said, done) {
  if (busy || !shown) return;
  busy = true;
  tell("");
  complain("");
  try {
    await ask(`/${shown.id}${path}`, said);
    tell(done);
  } catch (error) {
    if (token) complain(error.message);
  } finally {
    busy = false;
  }
  if (token) await refresh(SOON);
}

function sure(question, verb) {
  const dialog = $("sure");
  $("question").textContent = question;
  dialog.querySelector("[value=yes]").textContent = verb;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function flow() {
  const { url, open_moves: open } = shown;
  if (open.includes("resume")) return act("/resume", {}, "Resumed: what waited is sent first.");
  if (await sure(`Pause ${url}? Events wait until it is resumed.`, "Pause")) act("/pause", {}, "Paused: events wait.");
}

async function power() {
  const { url, open_moves: open } = shown;
  if (open.includes("enable")) return act("/enable", {}, "Enabled: it is sent a ping, and has to answer that first.");
  const loss = "It is told of nothing until it is enabled again; then, what it missed can be recovered.";
  if (await sure(`Disable ${url}? ${loss}`, "Disable")) act("/disable", {}, "Disabled: it is told of nothing.");
}

function unfold(open) {
  $("recovery").hidden = !open;
  $("recover").setAttribute("aria-expanded", open);
  if (!open || $("since").value) return;
  const hourAgo = Date.now() - 3600_000;
  $("since").value = new Date(hourAgo - new Date(hourAgo).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function recover(event) {
  event.preventDefault();
  const { since, after } = event.target.elements;
  if ($("from-time").checked && !since.value) return complain("Say from which time.");
  if ($("from-number").checked && !after.value) return complain("Say after which event.");
  const said = $("from-time").checked ? { since: new Date(since.value).toISOString() } : { after_seq: Number(after.value) };
  act("/recover", said, "It is sent again, in the order it happened.");
}

function leaf(to) {
  before = to;
  opened.clear();
  refresh();
}

async function choose(id) {
  chosen = id;
  opened.clear();
  before = "";
  await refresh();
  $("endpoint-title").focus();
}

$("endpoints").addEventListener("click", ({ target }) => {
  if (target.dataset.at === "url") choose(target.closest("tbody").dataset.key);
});
$("deliveries").addEventListener("click", ({ target }) => {
  const seq = Number(target.closest("tbody")?.dataset.key);
  if (target.dataset.at === "redeliver") act(`/deliveries/${seq}/redeliver`, {}, `Event ${seq} is sent once more.`);
  if (target.dataset.at !== "attempts") return;
  if (!opened.delete(seq)) opened.add(seq);
  refresh();
});
$("ping").addEventListener("click", () => act("/ping", {}, "A ping is on its way."));
$("flow").addEventListener("click", flow);
$("power").addEventListener("click", power);
$("recover").addEventListener("click", () => unfold($("recovery").hidden));
$("recovery").addEventListener("submit", recover);
$("since").addEventListener("input", () => ($("from-time").checked = true));
$("after").addEventListener("input", () => ($("from-number").checked = true));
$("state").addEventListener("change", () => leaf(""));
$("older").addEventListener("click", () => leaf($("older").dataset.before));
$("newest").addEventListener("click", () => leaf(""));
$("sure").addEventListener("click", ({ target }) => target.value && $("sure").close(target.value));
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : token && refresh()));
addEventListener("hashchange", () => location.hash && arrive());

arrive();
