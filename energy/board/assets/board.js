"use strict";
// Sorting, filtering and live charts. Without it the page says the same: the table and the pictures are in the HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("board");
  const form = document.getElementById("filters");
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.rows].slice(1) }));
  const charts = [];
  let sorting = { column: null, falling: false };

  // Inside each setting alone: rows of two settings are never put in order. What has no value comes last, either way.
  function sort(column, falling) {
    sorting = { column, falling };
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    for (const { body, rows } of bodies) {
      const ordered = column === null ? rows : [...rows].sort((a, b) => compare(a.cells[column], b.cells[column], falling));
      body.append(...ordered);
    }
    form.elements.sort.value = column === null ? "" : column;
  }

  function compare(a, b, falling) {
    const [left, right] = [a.dataset.value, b.dataset.value];
    if (left === "" || right === "") return (left === "") - (right === "");
    const order = a.classList.contains("num") ? Number(left) - Number(right) : left.localeCompare(right);
    return falling ? -order : order;
  }

  // First click: the better end first; second: the other way; third: the order by rank.
  function next(column) {
    const falls = heads[column].dataset.falling !== undefined;
    if (sorting.column !== column) sort(column, falls);
    else if (sorting.falling === falls) sort(column, !falls);
    else sort(null, false);
  }

  function filter() {
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("select:not([name=sort])")].filter((select) => select.value !== "");
    const shown = new Set();
    let all = 0, appeared = false;
    const show = (element, yes) => {
      appeared = appeared || (yes && element.hidden);
      element.hidden = !yes;
    };
    for (const { body, rows } of bodies) {
      const about = body.rows[0].textContent.toLowerCase();
      for (const row of rows) {
        const text = about + " " + row.textContent.toLowerCase() + " " + row.dataset.run.toLowerCase();
        row.hidden = !(chosen.every((select) => row.dataset[select.name] === select.value) && words.every((w) => text.includes(w)));
        if (!row.hidden) shown.add(row.dataset.run);
        all += 1;
      }
      body.hidden = rows.every((row) => row.hidden);
    }
    for (const run of document.querySelectorAll("details.run")) run.hidden = !shown.has(run.id.slice(4));
    for (const task of document.querySelectorAll("section.task")) show(task, task.querySelector("details.run:not([hidden])") !== null);
    for (const id of ["scatter-figure", "table"]) show(document.getElementById(id), shown.size > 0);
    document.getElementById("none").hidden = shown.size > 0;
    tellUnseen(shown.size - data.points.filter((point) => shown.has(point.id)).length);
    form.elements.count.value = `${shown.size} of ${all} runs`;
    for (const chart of charts) {
      const values = chart.values.filter((value) => shown.has(value.id));
      chart.view.data("rows", values).resize().runAsync();
    }
    if (appeared) dispatchEvent(new Event("resize")); // a chart that was drawn while hidden has no width yet
  }

  function tellUnseen(count) {
    const line = document.getElementById("unseen");
    line.hidden = count === 0;
    line.firstElementChild.textContent = count === 1 ? "1 run is" : `${count} runs are`;
  }

  const tip = document.getElementById("tip");
  function showTip(_, event, item, value) {
    tip.hidden = !value;
    if (!value) return;
    tip.textContent = value;
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 12) + "px";
  }

  // The library of charts, which the page carries packed.
  async function unpack() {
    const packed = Uint8Array.from(atob(document.getElementById("vega").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  // In place of the still picture, and with the values that the filters leave.
  async function draw(place, spec, values) {
    if (!values.length) return;
    place.replaceChildren();
    const options = { mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip: showTip, logLevel: 1 };
    const { view } = await vegaEmbed(place, { ...spec, data: { name: "rows", values } }, options);
    view.addEventListener("click", (_, item) => item && item.datum && item.datum.id && open(item.datum.id));
    charts.push({ view, values });
  }

  function open(run) {
    location.hash = "run-" + run;
  }

  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  }

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => next(index));
    form.elements.sort.append(new Option(button.textContent, index));
  });
  form.elements.sort.prepend(new Option("by rank", ""));
  form.elements.sort.addEventListener("change", (event) => {
    const value = event.target.value;
    if (value === "") sort(null, false);
    else sort(Number(value), heads[value].dataset.falling !== undefined);
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { sort(null, false); filter(); }));
  addEventListener("hashchange", unfold);
  form.hidden = false;
  sort(null, false);
  filter();
  unfold();
  unpack().then(async () => {
    await draw(document.getElementById("scatter"), data.scatter, data.points);
    for (const place of document.querySelectorAll(".plot[data-task]")) await draw(place, data.phases, data.bars[place.dataset.task]);
    filter();
    document.documentElement.dataset.live = "";
  }).catch((error) => console.warn("the charts stay as they are:", error));
})();
