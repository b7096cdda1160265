// SPDX-License-Identifier: Apache-2.0
// agent/trace/node_lines.h: which lines of the work tree ran, told from the ranges of text that V8 counts.
//
// A script's text is its file's, or made from others (TypeScript's compiler, Babel, esbuild): then its source map tells
// of which lines, if it comes with one that fits the files as they are. A script of which neither is sure is left out.
// Source   "Source Map Revision 3 Proposal", the field mappings.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_lines.cjs
inline constexpr std::string_view kNodeLinesModule = R"JS("use strict";
const fs = require("fs"), path = require("path"), { fileURLToPath } = require("url");
const { readFileSync } = fs;
const root = process.env.GRAFT_TRACE_ROOT;
const digits = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].map((c, i) => [c, i]));

const withoutMark = text => text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
const disk = new Map();

function diskText(name) {
  if (!disk.has(name)) {
    let text = null;
    try { text = withoutMark(readFileSync(name, "utf8")); } catch {}
    disk.set(name, text);
  }
  return disk.get(name);
}

// The first offset of each line.
function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

// Parts of the text that ran: of nested ranges the innermost counts.
function ranParts(functions) {
  const ranges = functions.flatMap(f => f.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const parts = [], stack = [];
  let at = 0;
  const upTo = offset => {
    while (stack.length > 0 && at < offset) {
      const { endOffset, count } = stack[stack.length - 1], to = Math.min(endOffset, offset);
      if (count > 0 && to > at) {
        const last = parts[parts.length - 1];
        if (last !== undefined && last[1] === at) last[1] = to;
        else parts.push([at, to]);
      }
      at = Math.max(at, to);
      if (endOffset <= offset) stack.pop();
    }
    at = Math.max(at, offset);
  };
  for (const range of ranges) {
    upTo(range.startOffset);
    stack.push(range);
  }
  upTo(Infinity);
  return parts;
}

function firstAtLeast(numbers, wanted) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A text that is the file's own, but for what stands on its first line before it.
class PlainScript {
  constructor(name, text) {
    Object.assign(this, { file: path.relative(root, name), text, starts: lineStarts(text) });
  }
  *linesOf(functions) {
    for (const [begin, end] of ranParts(functions)) {
      for (let line = firstAtLeast(this.starts, begin + 1) - 1; line < this.starts.length && this.starts[line] < end; ++line) {
        const from = Math.max(begin, this.starts[line]), to = Math.min(end, this.starts[line + 1] ?? this.text.length);
        if (/\S/.test(this.text.slice(from, to))) yield [this.file, line + 1];
      }
    }
  }
}

// A text made from others: a place of it stands for a line of one of them.
class MappedScript {
  constructor(offsets, places) {
    Object.assign(this, { offsets, places });
  }
  *linesOf(functions) {
    for (const [begin, end] of ranParts(functions))
      for (let i = firstAtLeast(this.offsets, begin); i < this.offsets.length && this.offsets[i] < end; ++i)
        yield this.places[i];
  }
}

// The map that a text names in its last comment of that kind; null where there is none that can be read.
function mapOf(name, text) {
  const at = Math.max(text.lastIndexOf("//# sourceMappingURL="), text.lastIndexOf("//@ sourceMappingURL="));
  if (at < 0) return null;
  const url = text.slice(at + 21).match(/^\S*/)[0];
  try {
    if (url.startsWith("data:")) {
      const comma = url.indexOf(","), body = url.slice(comma + 1);
      const json = /;base64$/.test(url.slice(0, comma)) ? Buffer.from(body, "base64").toString() : decodeURIComponent(body);
      return { map: JSON.parse(json), folder: path.dirname(name) };
    }
    const file = url.startsWith("file:") ? fileURLToPath(url) : path.resolve(path.dirname(name), decodeURIComponent(url));
    return { map: JSON.parse(readFileSync(file, "utf8").replace(/^\)\]\}'[^\n]*/, "")), folder: path.dirname(file) };
  } catch {
    return null;
  }
}

// The files of the tree that a map speaks of; null for those that are not there, or not as the map knows them.
function sourcesOf({ map, folder }) {
  return map.sources.map((source, i) => {
    if (typeof source !== "string") return null;
    let name = (map.sourceRoot ? map.sourceRoot.replace(/\/?$/, "/") : "") + source;
    try {
      name = name.startsWith("file:") ? fileURLToPath(name) : path.resolve(folder, name);
    } catch {
      return null;
    }
    if (!name.startsWith(root + path.sep) || /[\\/]node_modules[\\/]/.test(name)) return null;
    const text = diskText(name), known = map.sourcesContent && map.sourcesContent[i];
    if (text === null || (typeof known === "string" && withoutMark(known) !== text)) return null;
    return path.relative(root, name);
  });
}

function mappedScript(text, found) {
  const { mappings } = found.map, files = sourcesOf(found), starts = lineStarts(text);
  const offsets = [], places = [];
  let line = 0, column = 0, source = 0, original = 0, at = 0;
  const number = () => {
    let value = 0, shift = 1;
    for (;;) {
      const digit = digits.get(mappings[at++]);
      if (digit === undefined) throw new Error("no digit");
      value += (digit & 31) * shift;
      if (digit < 32) return value % 2 === 1 ? -(value - 1) / 2 : value / 2;
      shift *= 32;
    }
  };
  while (at < mappings.length && line < starts.length) {
    if (mappings[at] === ";") {
      ++at, ++line, column = 0;
    } else if (mappings[at] === ",") {
      ++at;
    } else {
      column += number();
      if (at >= mappings.length || mappings[at] === "," || mappings[at] === ";") continue;
      source += number(), original += number(), number();
      if (at < mappings.length && mappings[at] !== "," && mappings[at] !== ";") number();
      if (typeof files[source] !== "string") continue;
      // Some maps know whole lines alone: what ran is said of the first word. What is at a line's end has none.
      let offset = starts[line] + column;
      while (text[offset] === " " || text[offset] === "\t") ++offset;
      if (!/\S/.test(text[offset] ?? "")) continue;
      offsets.push(offset);
      places.push([files[source], original + 1]);
    }
  }
  return offsets.length === 0 ? null : new MappedScript(offsets, places);
}

// What the lines of a script are lines of: `text` is what V8 ran, `own` what its file holds. Null where that is not known.
function script(name, text, own) {
  const found = mapOf(name, text);
  if (found !== null) {
    try {
      const mapped = mappedScript(text, found);
      if (mapped !== null || text !== own) return mapped;
    } catch {
      if (text !== own) return null;
    }
  }
  if (own === null) return null;
  const inside = text.indexOf(own);
  const sameLines = () => text.length === own.length && lineStarts(text).join() === lineStarts(own).join();
  return (inside >= 0 && !text.slice(0, inside).includes("\n")) || sameLines() ? new PlainScript(name, text) : null;
}

module.exports = { diskText, script };
)JS";

}  // namespace agent
