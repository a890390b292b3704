// The drawing of a step, and the controls. The page defines `config` and the functions of steps.js.
"use strict";

const FORMS = {
  convolve: {
    title: "Convolution",
    note: "The kernel slides over the padded input; each output is a sum of products.",
  },
  scatter: {
    title: "Transposed convolution, scattering",
    note: "Each input scales the kernel; the copies are placed a stride apart and summed.",
  },
  gather: {
    title: "Transposed convolution, gathering",
    note: "Zeros go between the inputs; the rotated kernel slides over them, one cell at a time.",
  },
};
const KINDS = {
  pad: "padding",
  hole: "zero in between",
  extra: "output padding",
  crop: "cropped by the pad",
};

const cells = {
  input: config.input.map((row) => row.map(Sum.of)),
  kernel: config.kernel.map((row) => row.map(Sum.of)),
};
const setting = structuredClone(config.setting);
let current = null; // the scene, or null if the result is empty
let at = 0;
let timer = null;

const find = (id) => document.getElementById(id);

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Settings ---------------------------------------------------------------------------------------

function setAxes(key, value) {
  if (key === "pads") setting.pads = setting.isRow ? [0, value, 0, value] : [value, value, value, value];
  else setting[key] = setting.isRow ? [key === "outputPadding" ? 0 : 1, value] : [value, value];
}

function asText(numbers) {
  const own = setting.isRow ? numbers.filter((_, k) => k % 2 === 1) : numbers;
  return new Set(own).size === 1 ? String(own[0]) : own.join(", ");
}

function change(alter) {
  alter();
  const isTransposed = setting.form !== "convolve";
  const most = [0, 1].map((k) => Math.max(setting.stride[k], setting.dilation[k]) - 1);
  setting.outputPadding = setting.outputPadding.map((extra, k) => (isTransposed ? Math.min(extra, most[k]) : 0));
  if (isTransposed) setting.padMode = "zeros";
  at = 0;
  const size = outputSize(setting);
  current = Math.min(...size) < 1 ? null : scene(setting, cells);
  showControls(isTransposed, Math.max(...most));
  find("formula").textContent = formula(size);
  show();
}

function showControls(isTransposed, most) {
  for (const key of ["size", "kernel", "stride", "pads", "dilation", "outputPadding"]) {
    const slider = find(key);
    const last = setting[key].length - 1;
    slider.value = setting[key][setting.isRow ? 1 : last];
    find(`${key}-value`).textContent = asText(setting[key]);
    slider.setAttribute("aria-valuetext", asText(setting[key]));
  }
  const extra = find("outputPadding");
  extra.max = Math.max(most, 0);
  extra.disabled = !isTransposed || most < 1;
  find("padMode").value = setting.padMode;
  find("padMode").disabled = isTransposed;
  for (const radio of document.querySelectorAll("input[name=form]")) {
    radio.checked = radio.value === setting.form;
  }
}

function formula(size) {
  const span = spans(setting);
  const axes = setting.isRow ? [1] : setting.size[0] === setting.size[1] && isAlike() ? [0] : [0, 1];
  return axes.map((k) => {
    const axis = "HW"[k];
    const pads = setting.pads[k] + setting.pads[k + 2];
    return setting.form === "convolve"
      ? `${axis}_out = floor((${axis} + 2P - (D(${axis}f - 1) + 1)) / S) + 1 = `
        + `floor((${setting.size[k]} + ${pads} - ${span[k]}) / ${setting.stride[k]}) + 1 = ${size[k]}`
      : `${axis}_out = (${axis} - 1)S + D(${axis}f - 1) + 1 - 2P + output padding = `
        + `(${setting.size[k]} - 1)·${setting.stride[k]} + ${span[k]} - ${pads} + `
        + `${setting.outputPadding[k]} = ${size[k]}`;
  }).join("\n");
}

function isAlike() {
  const { kernel, stride, dilation, outputPadding, pads } = setting;
  const isEven = [kernel, stride, dilation, outputPadding].every(([y, x]) => y === x);
  return isEven && new Set(pads).size === 1;
}

// Drawing ----------------------------------------------------------------------------------------

function show() {
  const step = current?.step(at);
  find("title").textContent = FORMS[setting.form].title;
  find("note").textContent = FORMS[setting.form].note;
  find("fault").textContent = current ? "" : "The result is empty: use less pad, a smaller "
    + "kernel or dilation, or a larger input.";
  find("count").textContent = current ? `step ${at + 1} of ${current.count}` : "no steps";
  find("sum").textContent = step ? step.sums.join(" ") : "";
  for (const id of ["back", "step", "play"]) find(id).disabled = !current;
  draw(step);
}

function boardTitles() {
  const size = (pair) => (setting.isRow ? pair[1] : pair.join("×"));
  return [
    `input ${size(setting.size)}${setting.form === "gather" ? ", a stride apart" : ""}`,
    `kernel ${size(setting.kernel)}${setting.form === "gather" ? ", rotated" : ""}`,
    `output ${size(outputSize(setting))}`,
  ];
}

// Boards side by side if the page is wide, else the input above kernel and output; boards of one
// dimension below each other. The size of a cell is [width, height].
function layout(boards) {
  const isNarrow = find("stage").clientWidth < config.narrow;
  const { margin, gap, largest, widest, rowGap, boardHeight, titleRoom } = config.layout;
  const size = boards.map(({ kinds }) => [kinds.length, kinds[0].length]);
  const width = isNarrow ? Math.max(288, find("stage").clientWidth) : config.layout.width;
  const room = width - 2 * margin;
  const side = (length) => Math.max(4, Math.floor(length));
  if (size.every(([rows]) => rows === 1)) {
    const most = Math.max(...size.map(([, columns]) => columns));
    const step = largest + rowGap;
    const places = boards.map((_, k) => [margin, titleRoom + k * step]);
    return { width, height: titleRoom + 3 * step, cell: [side(Math.min(widest, room / most)), largest], places };
  }
  if (!isNarrow) {
    const columns = size[0][1] + size[1][1] + size[2][1];
    const rows = Math.max(...size.map(([height]) => height));
    const cell = side(Math.min(largest, (room - 2 * gap) / columns, Math.max(boardHeight / rows, 14)));
    const widths = size.map(([, across]) => Math.max(across * cell, 96));
    const free = (room - widths[0] - widths[1] - widths[2]) / 2;
    const lefts = [margin, margin + widths[0] + free, width - margin - widths[2]];
    const places = lefts.map((x) => [x, titleRoom]);
    return { width, height: titleRoom + rows * cell + 40, cell: [cell, cell], places };
  }
  const below = (room - 24) / (Math.max(size[1][1], 2.2) + Math.max(size[2][1], 2.2));
  const cell = side(Math.min(largest, room / size[0][1], below));
  const second = 2 * titleRoom + size[0][0] * cell + 12;
  const height = second + Math.max(size[1][0], size[2][0]) * cell + 40;
  const middle = margin + Math.max(size[1][1] * cell, 100) + 24;
  const places = [[margin, titleRoom], [margin, second], [middle, second]];
  return { width, height, cell: [cell, cell], places };
}

function draw(step) {
  const stage = find("drawing");
  stage.replaceChildren();
  stage.setAttribute("aria-label", step ? `${find("title").textContent}, ${step.sums.join(" ")}` : "");
  if (!step) return;
  const boards = [current.left, current.kernel, current.right];
  const { width, height, cell, places } = layout(boards);
  stage.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const lit = [];
  const plain = [];
  boards.forEach(({ kinds, texts }, n) => {
    const [left, top] = places[n];
    plain.push(element("text", { x: left, y: top - 12, "font-size": 14, class: "f-ink" }, boardTitles()[n]));
    kinds.forEach((row, y) => row.forEach((kind, x) => {
      const place = `${y},${x}`;
      const isRead = n === 0 && place in step.read;
      const isWritten = n === 2 && place in step.written;
      const text = n === 2 ? step.results[place] ?? "" : texts[y][x];
      const drawn = drawCell(left + x * cell[0], top + y * cell[1], cell, {
        kind, text, isRead, isWritten,
        note: isRead && step.read[place] ? `·${step.read[place]}` : isWritten ? step.written[place] : "",
      });
      for (const one of drawn) {
        one.dataset.board = ["input", "kernel", "output"][n];
        one.dataset.place = place;
      }
      (isRead || isWritten ? lit : plain).push(...drawn);
    }));
  });
  stage.append(...plain, ...lit, ...legend(boards, height, config.layout.margin));
}

function drawCell(left, top, [wide, high], { kind, text, note, isRead, isWritten }) {
  const isLit = isRead || isWritten;
  const fill = isRead ? "read" : isWritten && kind !== "crop" ? "written" : kind;
  const edge = isRead ? "edge" : isWritten ? "border" : "line";
  const isDashed = config.dashed.includes(kind) && !isLit;
  const made = [element("rect", {
    x: left + 0.5, y: top + 0.5, width: wide, height: high, class: `f-${fill} l-${edge}`,
    "stroke-width": isLit ? 2 : 1, ...(isDashed ? { "stroke-dasharray": "3 3" } : {}),
  })];
  const small = fitting(note, [0.8 * wide, 0.8 * high], 0.34, 10);
  let shownText = text;
  let size = fitting(text, [wide, high], small ? 0.38 : 0.42);
  if (text && !size && ["output", "extra", "crop"].includes(kind)) {
    shownText = "…";
    size = fitting("…", [wide, high], 0.42);
  }
  if (size) {
    const isFaint = config.dashed.includes(kind) && !["read", "written"].includes(fill);
    made.push(element("text", {
      x: left + wide / 2 + 0.5,
      y: top + high / 2 + 0.35 * size - (small ? 0.1 * high : 0) + 0.5,
      "font-size": size, "text-anchor": "middle", class: isFaint ? "f-muted" : "f-ink",
    }, shownText));
  }
  if (small) {
    made.push(element("text", {
      x: left + wide - 3, y: top + high - 4.5, "font-size": small, "text-anchor": "end",
      "font-weight": 600, class: isRead ? "f-weight" : "f-term",
    }, note));
  }
  return made;
}

function fitting(text, [wide, high], share, least = 9) {
  if (!text) return 0;
  const size = Math.min(share * high, (wide - 5) / (config.layout.glyph * text.length));
  return size >= least ? Math.round(10 * size) / 10 : 0;
}

function legend(boards, height, margin) {
  const present = new Set([boards[0], boards[2]].flatMap(({ kinds }) => kinds.flat()));
  const made = [];
  let x = margin;
  for (const [kind, text] of Object.entries(KINDS)) {
    if (!present.has(kind)) continue;
    made.push(element("rect", {
      x: x + 0.5, y: height - 20.5, width: 13, height: 13, class: `f-${kind} l-line`,
      ...(config.dashed.includes(kind) ? { "stroke-dasharray": "3 3" } : {}),
    }));
    made.push(element("text", { x: x + 20, y: height - 9, "font-size": 13, class: "f-muted" }, text));
    x += 20 + 7 * text.length + 16;
  }
  return made;
}

// Controls ---------------------------------------------------------------------------------------

function go(to) {
  if (!current) return;
  at = (to + current.count) % current.count;
  show();
}

function play(isOn) {
  clearInterval(timer);
  timer = isOn && current ? setInterval(() => go(at + 1), config.milliseconds / find("speed").value) : null;
  find("play").textContent = timer ? "Pause" : "Play";
  find("play").setAttribute("aria-pressed", String(Boolean(timer)));
  // A step a second is too fast to be read aloud.
  find("sum").setAttribute("aria-live", timer ? "off" : "polite");
}

function begin() {
  find("back").addEventListener("click", () => { play(false); go(at - 1); });
  find("step").addEventListener("click", () => { play(false); go(at + 1); });
  find("play").addEventListener("click", () => play(!timer));
  find("restart").addEventListener("click", () => { play(false); go(0); });
  find("speed").addEventListener("input", () => {
    find("speed-value").textContent = `${find("speed").value}×`;
    find("speed").setAttribute("aria-valuetext", `${find("speed").value} times`);
    if (timer) play(true);
  });
  for (const key of ["size", "kernel", "stride", "pads", "dilation", "outputPadding"]) {
    find(key).addEventListener("input", (event) => change(() => setAxes(key, Number(event.target.value))));
  }
  find("padMode").addEventListener("change", (event) => change(() => { setting.padMode = event.target.value; }));
  for (const radio of document.querySelectorAll("input[name=form]")) {
    radio.addEventListener("change", () => change(() => { setting.form = radio.value; }));
  }
  document.addEventListener("keydown", (event) => {
    const isOwn = ["INPUT", "SELECT"].includes(event.target.tagName);
    if (isOwn || event.ctrlKey || event.metaKey || event.altKey) return;
    const isButton = event.target.tagName === "BUTTON";
    const actions = {
      ArrowRight: () => { play(false); go(at + 1); },
      ArrowLeft: () => { play(false); go(at - 1); },
      Home: () => { play(false); go(0); },
      End: () => { play(false); go(-1); },
      ...(isButton ? {} : { " ": () => play(!timer) }),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
  let width = 0;
  new ResizeObserver(() => {
    if (find("stage").clientWidth === width) return;
    width = find("stage").clientWidth;
    show();
  }).observe(find("stage"));
  play(false);
  change(() => {});
}

begin();
