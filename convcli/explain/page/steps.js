// The steps of a convolution, or of its transpose by scattering or gathering, for settings chosen on
// the page: the same as forms.py makes. Nothing is drawn here.
"use strict";

// Sums of products with numbers or letters: a Map from the sorted letters to {names, factor}.
const Sum = {
  of(terms) {
    return Sum.total(terms.map(([factor, ...names]) => Sum.one(factor, names)));
  },
  one(factor, names = []) {
    const sum = new Map();
    if (factor) sum.set([...names].sort().join(" "), { names, factor });
    return sum;
  },
  total(sums) {
    const result = new Map();
    for (const sum of sums) {
      for (const [key, { names, factor }] of sum) {
        const before = result.get(key);
        result.set(key, { names: before ? before.names : names, factor: factor + (before?.factor ?? 0) });
      }
    }
    for (const [key, { factor }] of result) if (Math.abs(factor) < 1e-12) result.delete(key);
    return result;
  },
  product(one, two) {
    const parts = [];
    for (const a of one.values()) {
      for (const b of two.values()) parts.push(Sum.one(a.factor * b.factor, [...a.names, ...b.names]));
    }
    return Sum.total(parts);
  },
  text(sum) {
    let text = "";
    for (const { names, factor } of sum.values()) {
      const size = Math.abs(factor);
      const letters = powers(names);
      const body = !names.length ? number(size) : size === 1 ? letters : number(size) + letters;
      text += text ? (factor < 0 ? " - " : " + ") + body : (factor < 0 ? "-" : "") + body;
    }
    return text || "0";
  },
  factor(sum) {
    const text = Sum.text(sum);
    return sum.size > 1 || text.startsWith("-") ? `(${text})` : text;
  },
};

function number(value) {
  return String(Number(value.toPrecision(10)));
}

function powers(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const marks = { 1: "", 2: "²", 3: "³" };
  const factors = [...counts].map(([name, count]) => name + (marks[count] ?? `^${count}`));
  return factors.join(names.some((name) => /[0-9]$/.test(name)) ? "·" : "");
}

const ZERO = Sum.one(0);

function range(count) {
  return Array.from({ length: count }, (_, k) => k);
}

// A setting has pairs (y, x): size, kernel, stride, dilation, outputPadding; pads (top, left,
// bottom, right); padMode; form: "convolve", "scatter" or "gather".

function spans(setting) {
  return [0, 1].map((k) => setting.dilation[k] * (setting.kernel[k] - 1) + 1);
}

function outputSize(setting) {
  const span = spans(setting);
  return [0, 1].map((k) => {
    const pads = setting.pads[k] + setting.pads[k + 2];
    return setting.form === "convolve"
      ? Math.floor((setting.size[k] + pads - span[k]) / setting.stride[k]) + 1
      : (setting.size[k] - 1) * setting.stride[k] + span[k] - pads + setting.outputPadding[k];
  });
}

// Which of `size` cells shows at a position, or null for a zero of the padding.
function shown(position, size, padMode) {
  if (position >= 0 && position < size) return position;
  if (padMode === "zeros") return null;
  if (padMode === "replicate") return position < 0 ? 0 : size - 1;
  const wrap = (period) => ((position % period) + period) % period;
  if (padMode === "circular") return wrap(size);
  if (size === 1) return 0;
  const folded = wrap(2 * (size - 1));
  return Math.min(folded, 2 * (size - 1) - folded);
}

// The boards of a setting, {left, kernel, right}: kinds and texts of their cells, the number of
// steps, and step(k): {read, written, results, sums}, with places as "y,x".
function scene(setting, cells) {
  const makers = { convolve, scatter, gather };
  const input = range(setting.size[0]).map((y) => cells.input[y].slice(0, setting.size[1]));
  const kernel = range(setting.kernel[0]).map((u) => cells.kernel[u].slice(0, setting.kernel[1]));
  return makers[setting.form](setting, input, kernel, outputSize(setting));
}

function board(size, kind, text) {
  const rows = range(size[0]).map((y) => range(size[1]).map((x) => [y, x]));
  return { kinds: rows.map((row) => row.map(kind)), texts: rows.map((row) => row.map(text)) };
}

function placeName(what, [y, x], setting) {
  return setting.isRow ? `${what}[${x}]` : `${what}[${y},${x}]`;
}

function taps(kernel) {
  return kernel.flatMap((row, u) => row.map((_, v) => [u, v]));
}

function outputs(size) {
  return range(size[0]).flatMap((y) => range(size[1]).map((x) => [y, x]));
}

function convolve(setting, input, kernel, output) {
  const [top, left, bottom, right] = setting.pads;
  const source = (y, x) => {
    const row = shown(y - top, setting.size[0], setting.padMode);
    const column = shown(x - left, setting.size[1], setting.padMode);
    return row === null || column === null ? ZERO : input[row][column];
  };
  const isInside = ([y, x]) =>
    y >= top && y < top + setting.size[0] && x >= left && x < left + setting.size[1];
  const places = outputs(output);
  const window = ([i, j]) =>
    taps(kernel).map(([u, v]) => {
      const y = i * setting.stride[0] + u * setting.dilation[0];
      const x = j * setting.stride[1] + v * setting.dilation[1];
      return { y, x, cell: source(y, x), weight: kernel[u][v] };
    });
  const values = places.map((place) =>
    Sum.total(window(place).map(({ cell, weight }) => Sum.product(cell, weight))));
  return {
    left: board(
      [setting.size[0] + top + bottom, setting.size[1] + left + right],
      (place) => (isInside(place) ? "input" : "pad"),
      ([y, x]) => Sum.text(source(y, x)),
    ),
    kernel: board(setting.kernel, () => "kernel", ([u, v]) => Sum.text(kernel[u][v])),
    right: board(output, () => "output", () => ""),
    count: places.length,
    step(k) {
      const seen = window(places[k]);
      const products = seen.map(({ cell, weight }) => `${Sum.factor(cell)}·${Sum.factor(weight)}`);
      return {
        read: Object.fromEntries(seen.map(({ y, x, weight }) => [`${y},${x}`, Sum.text(weight)])),
        written: { [String(places[k])]: "" },
        results: Object.fromEntries(range(k + 1).map((n) => [String(places[n]), Sum.text(values[n])])),
        sums: [`${placeName("out", places[k], setting)} = ${products.join(" + ")} = ${Sum.text(values[k])}`],
      };
    },
  };
}

function scatter(setting, input, kernel, output) {
  const span = spans(setting);
  const size = [0, 1].map((k) =>
    Math.max((setting.size[k] - 1) * setting.stride[k] + span[k], setting.pads[k] + output[k]));
  const kind = (place) => {
    const inside = [0, 1].map((k) => place[k] - setting.pads[k]);
    if ([0, 1].some((k) => inside[k] < 0 || inside[k] >= output[k])) return "crop";
    return [0, 1].some((k) => inside[k] >= output[k] - setting.outputPadding[k]) ? "extra" : "output";
  };
  const places = outputs(setting.size);
  const target = ([i, j], [u, v]) => [
    i * setting.stride[0] + u * setting.dilation[0],
    j * setting.stride[1] + v * setting.dilation[1],
  ];
  return {
    left: board(setting.size, () => "input", ([y, x]) => Sum.text(input[y][x])),
    kernel: board(setting.kernel, () => "kernel", ([u, v]) => Sum.text(kernel[u][v])),
    right: board(size, kind, () => ""),
    count: places.length,
    step(k) {
      const values = new Map();
      const written = {};
      const sums = [];
      for (let n = 0; n <= k; n += 1) {
        const cell = input[places[n][0]][places[n][1]];
        for (const [u, v] of taps(kernel)) {
          const at = target(places[n], [u, v]);
          const before = values.get(String(at));
          const value = Sum.total([before ?? ZERO, Sum.product(cell, kernel[u][v])]);
          values.set(String(at), value);
          if (n < k) continue;
          written[String(at)] = `+${Sum.factor(Sum.product(cell, kernel[u][v]))}`;
          if (kind(at) === "crop") continue;
          const inside = [at[0] - setting.pads[0], at[1] - setting.pads[1]];
          const name = placeName(sums.length ? "" : "out", inside, setting);
          const product = `${Sum.factor(cell)}·${Sum.factor(kernel[u][v])}`;
          sums.push(`${name} = ${before ? `${Sum.factor(before)} + ` : ""}${product} = ${Sum.text(value)}`);
        }
      }
      const cell = Sum.text(input[places[k][0]][places[k][1]]);
      const lead = `${placeName("in", places[k], setting)} = ${cell} times the kernel:`;
      const last = sums.length - 1;
      return {
        read: { [String(places[k])]: "" },
        written,
        results: Object.fromEntries([...values].map(([at, value]) => [at, Sum.text(value)])),
        sums: [lead, ...(sums.length ? sums.map((one, n) => (n < last ? `${one};` : one)) : ["all of it is cropped"])],
      };
    },
  };
}

function gather(setting, input, kernel, output) {
  const span = spans(setting);
  // Input i is at position i·S, and output o reads position o + P - u·D for each tap u.
  const first = [0, 1].map((k) => Math.min(0, setting.pads[k] - span[k] + 1));
  const last = [0, 1].map((k) =>
    Math.max((setting.size[k] - 1) * setting.stride[k], output[k] - 1 + setting.pads[k]));
  const source = (place) => {
    const at = [0, 1].map((k) => (place[k] + first[k]) / setting.stride[k]);
    const isCell = [0, 1].every((k) => Number.isInteger(at[k]) && at[k] >= 0 && at[k] < setting.size[k]);
    return isCell ? input[at[0]][at[1]] : null;
  };
  const kind = (place) => {
    if (source(place)) return "input";
    const isBetween = [0, 1].every((k) => {
      const at = place[k] + first[k];
      return at >= 0 && at <= (setting.size[k] - 1) * setting.stride[k];
    });
    return isBetween ? "hole" : "pad";
  };
  const places = outputs(output);
  const window = (place) =>
    taps(kernel).reverse().map(([u, v]) => {
      const at = [u, v].map((tap, k) => place[k] + setting.pads[k] - tap * setting.dilation[k] - first[k]);
      return { at, cell: source(at), weight: kernel[u][v] };
    });
  const met = (place) => window(place).filter(({ cell }) => cell !== null);
  const values = places.map((place) =>
    Sum.total(met(place).map(({ cell, weight }) => Sum.product(cell, weight))));
  const rotated = kernel.map((row) => [...row].reverse()).reverse();
  const extra = setting.outputPadding;
  return {
    left: board(
      [last[0] - first[0] + 1, last[1] - first[1] + 1],
      kind,
      (place) => Sum.text(source(place) ?? ZERO),
    ),
    kernel: board(setting.kernel, () => "kernel", ([u, v]) => Sum.text(rotated[u][v])),
    right: board(
      output,
      (place) => ([0, 1].some((k) => place[k] >= output[k] - extra[k]) ? "extra" : "output"),
      () => "",
    ),
    count: places.length,
    step(k) {
      const products = met(places[k]).map(
        ({ cell, weight }) => `${Sum.factor(cell)}·${Sum.factor(weight)}`);
      const name = placeName("out", places[k], setting);
      return {
        read: Object.fromEntries(window(places[k]).map(({ at, weight }) => [String(at), Sum.text(weight)])),
        written: { [String(places[k])]: "" },
        results: Object.fromEntries(range(k + 1).map((n) => [String(places[n]), Sum.text(values[n])])),
        sums: [
          products.length
            ? `${name} = ${products.join(" + ")} = ${Sum.text(values[k])}`
            : `${name} = 0, no input reaches it`,
        ],
      };
    },
  };
}
