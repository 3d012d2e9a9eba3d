// Answers for: layers, their properties and text documents, as the scripting guide has them.

/** Layers know their composition and properties their parent; the links are not saved. */
const parents = new WeakMap();

function prepare(state) {
  for (let at = 0; at < state.items.length; at += 1) {
    const item = state.items[at];
    for (let number = 0; item.layers && number < item.layers.length; number += 1) adopt(item, item.layers[number]);
  }
}

function adopt(comp, layer) {
  parents.set(layer, comp);
  const open = [layer.properties];
  parents.set(layer.properties, layer);
  while (open.length > 0) {
    const group = open.pop();
    for (let at = 0; group.children && at < group.children.length; at += 1) {
      parents.set(group.children[at], group === layer.properties ? layer : group);
      open.push(group.children[at]);
    }
  }
}

function wrapLayer(layer) {
  const kinds = { text: "TextLayer", shape: "ShapeLayer", camera: "CameraLayer", light: "LightLayer" };
  return wrap(own(kinds, layer.kind) ? kinds[layer.kind] : "AVLayer", layer);
}

function wrapProperty(node) {
  return node === null ? null : wrap(node.type === "group" ? "PropertyGroup" : "Property", node);
}

/** Names that After Effects shows, of groups and properties that keep theirs. */
const SHOWN = {
  "ADBE Transform Group": "Transform", "ADBE Effect Parade": "Effects", "ADBE Mask Parade": "Masks", "ADBE Audio Group": "Audio",
  "ADBE Audio Levels": "Audio Levels", "ADBE Text Properties": "Text", "ADBE Text Document": "Source Text", "ADBE Anchor Point": "Anchor Point",
  "ADBE Position": "Position", "ADBE Scale": "Scale", "ADBE Rotate Z": "Rotation", "ADBE Opacity": "Opacity",
  "ADBE Layer Overrides": "Essential Properties",
};

function shownName(node) {
  if (node.name !== null) return node.name;
  return own(SHOWN, node.match) ? SHOWN[node.match] : node.match;
}

/** What a layer gives by name although it lies a group deeper (PropertyGroup.property(), the table of names). */
const BELOW = ["ADBE Transform Group", "ADBE Audio Group", "ADBE Text Properties"];

function childOf(children, wanted) {
  if (typeof wanted === "number") {
    check.whole(wanted, "PropertyGroup.property()", 1, children.length);
    return children[wanted - 1];
  }
  check.text(wanted, "PropertyGroup.property()");
  for (let at = 0; at < children.length; at += 1) {
    if (children[at].match === wanted || shownName(children[at]) === wanted) return children[at];
  }
  return null;
}

function layerChild(layer, wanted) {
  const found = childOf(layer.properties.children, wanted);
  if (found !== null || typeof wanted === "number") return found;
  for (let at = 0; at < BELOW.length; at += 1) {
    const group = childOf(layer.properties.children, BELOW[at]);
    const below = group === null ? null : childOf(group.children, wanted);
    if (below !== null) return below;
  }
  return null;
}

define("PropertyBase", {
  get: {
    name: (self) => shownName(self),
    matchName: (self) => self.match,
    propertyType: (self) => (self.type === "group" ? groupType(self) : globals.PropertyType.PROPERTY),
    propertyDepth: (self) => {
      let depth = 0;
      for (let at = self; !at.properties; at = parents.get(at)) depth += 1;
      return depth;
    },
    parentProperty: (self) => {
      const parent = parents.get(self);
      return parent.properties ? wrapLayer(parent) : wrapProperty(parent);
    },
    enabled: (self) => self.enabled !== false,
  },
});

function groupType(node) {
  const indexed = node.match === "ADBE Effect Parade" || node.match === "ADBE Mask Parade";
  return indexed ? globals.PropertyType.INDEXED_GROUP : globals.PropertyType.NAMED_GROUP;
}

define("PropertyGroup", {
  parent: "PropertyBase",
  get: { numProperties: (self) => self.children.length },
  call: {
    property: (self, wanted) => wrapProperty(childOf(self.children, wanted)),
    addProperty: () => refuse("forbidden", "PropertyGroup.addProperty()"),
  },
});

const VALUE_TYPES = {
  one: "OneD", two: "TwoD", two_spatial: "TwoD_SPATIAL", three: "ThreeD", three_spatial: "ThreeD_SPATIAL", color: "COLOR",
  text: "TEXT_DOCUMENT", other: "CUSTOM_VALUE",
};

function copyOf(list) {
  const copy = [];
  for (let at = 0; at < list.length; at += 1) copy[at] = list[at];
  return copy;
}

function copyText(text) {
  return {
    text: text.text, font: text.font, size: text.size, color: text.color === null ? null : copyOf(text.color), direction: text.direction,
    composer: text.composer,
  };
}

function readValue(node) {
  if (node.type === "text") return wrap("TextDocument", copyText(node.text));
  if (node.type === "one") return node.value[0];
  if (node.type === "other") return refuse("type", "a value of " + node.match + ", which this model does not hold");
  return copyOf(node.value);
}

function hasFont(name) {
  if (settings.fonts === null) return true;
  for (let at = 0; at < settings.fonts.length; at += 1) {
    if (settings.fonts[at] === name) return true;
  }
  return false;
}

function writeText(node, value) {
  const text = typeof value === "string" ? copyText(node.text) : copyText(dataOf(value, "TextDocument", "Property.setValue()"));
  if (typeof value === "string") text.text = value;
  // After Effects takes another font for one that it does not have, and says nothing
  if (text.font !== node.text.font && !hasFont(text.font)) text.font = settings.substitute_font;
  node.text = text;
}

function writeValue(node, value) {
  const where = "Property.setValue() of " + node.match;
  if (node.keys > 0) throw new Error(where + ": it has key frames");
  if (node.type === "text") {
    writeText(node, value);
  } else if (node.type === "one") {
    node.value = [check.number(value, where, node.least === null ? undefined : node.least, node.most === null ? undefined : node.most)];
  } else if (node.type === "color") {
    node.value = check.numbers(value, where, [3, 4]);
    if (node.value.length === 3) node.value[3] = 1;
  } else if (node.type === "two" || node.type === "two_spatial") {
    node.value = check.numbers(value, where, [2]);
  } else if (node.type === "three" || node.type === "three_spatial") {
    node.value = check.numbers(value, where, [2, 3]);
    if (node.value.length === 2) node.value[2] = node.match === "ADBE Scale" ? 100 : 0;
  } else {
    refuse("type", where + ", which this model does not hold");
  }
  node.changed = true;
}

function expressionError(node) {
  for (let at = 0; at < settings.expression_errors.length; at += 1) {
    if (settings.expression_errors[at].expression === node.expression) return settings.expression_errors[at].message;
  }
  return "";
}

define("Property", {
  parent: "PropertyBase",
  get: {
    value: (self) => readValue(self),
    numKeys: (self) => self.keys,
    propertyValueType: (self) => globals.PropertyValueType[VALUE_TYPES[self.type]],
    hasMin: (self) => self.least !== null,
    hasMax: (self) => self.most !== null,
    minValue: (self) => (self.least === null ? refuse("type", "Property.minValue of one without") : self.least),
    maxValue: (self) => (self.most === null ? refuse("type", "Property.maxValue of one without") : self.most),
    canSetExpression: (self) => self.type !== "other",
    expression: (self) => self.expression,
    expressionEnabled: (self) => self.expression !== "",
    expressionError: (self) => (self.evaluated ? expressionError(self) : ""),
    canSetAlternateSource: (self) => self.media === true,
    alternateSource: (self) => (self.alternate ? wrapItem(itemById(self.alternate)) : null),
  },
  set: {
    expression: () => refuse("forbidden", "Property.expression ="),
    expressionEnabled: () => refuse("forbidden", "Property.expressionEnabled ="),
  },
  call: {
    setValue: (self, value) => writeValue(self, value),
    valueAtTime: (self, time, before) => {
      check.number(time, "Property.valueAtTime()");
      check.flag(before, "Property.valueAtTime()");
      self.evaluated = true;
      return readValue(self);
    },
    setAlternateSource: (self, item) => {
      if (!self.media) throw new Error("Property.setAlternateSource() of a property that is no media replacement");
      self.alternate = dataOf(item, "AVItem", "Property.setAlternateSource()").id;
      self.changed = true;
    },
  },
  since: { canSetAlternateSource: 18, alternateSource: 18, setAlternateSource: 18 },
});

define("TextDocument", {
  construct: (text) => ({ text: check.text(text, "TextDocument()"), font: "", size: 0, color: null, direction: null, composer: 0 }),
  get: {
    text: (self) => self.text,
    font: (self) => self.font,
    fontSize: (self) => self.size,
    fillColor: (self) => (self.color === null ? refuse("type", "TextDocument.fillColor without a fill") : copyOf(self.color)),
    direction: (self) => globals.ParagraphDirection[self.direction === "right_to_left" ? "DIRECTION_RIGHT_TO_LEFT" : "DIRECTION_LEFT_TO_RIGHT"],
    composerEngine: (self) => globals.ComposerEngine[self.composer === 1 ? "UNIVERSAL_TYPE_ENGINE" : "LATIN_CJK_ENGINE"],
  },
  set: {
    text: (self, value) => {
      self.text = check.text(value, "TextDocument.text");
    },
    font: (self, value) => {
      self.font = check.text(value, "TextDocument.font");
    },
    fontSize: (self, value) => {
      self.size = check.number(value, "TextDocument.fontSize", 0.1, 1296);
    },
    fillColor: (self, value) => {
      self.color = check.numbers(value, "TextDocument.fillColor", [3]);
    },
    direction: (self, value) => {
      const right = value === globals.ParagraphDirection.DIRECTION_RIGHT_TO_LEFT;
      if (!right && value !== globals.ParagraphDirection.DIRECTION_LEFT_TO_RIGHT) refuse("type", "TextDocument.direction");
      self.direction = right ? "right_to_left" : "left_to_right";
    },
    composerEngine: (self, value) => {
      if (value !== globals.ComposerEngine.UNIVERSAL_TYPE_ENGINE) throw new Error("only the universal engine can be set");
      self.composer = 1;
    },
  },
  since: { direction: 24, composerEngine: 24 },
});

function unlockedLayer(layer, what) {
  if (layer.locked) throw new Error(what + ": the layer is locked");
}

function timeSetter(what, act) {
  return (self, value) => {
    unlockedLayer(self, what);
    act(self, check.number(value, what, -10800, 10800));
  };
}

define("Layer", {
  parent: "PropertyGroup",
  get: {
    name: (self) => self.name,
    id: (self) => self.id,
    index: (self) => {
      const layers = parents.get(self).layers;
      for (let at = 0; at < layers.length; at += 1) if (layers[at] === self) return at + 1;
      return refuse("type", "a layer that is gone");
    },
    enabled: (self) => self.enabled,
    locked: (self) => self.locked,
    startTime: (self) => self.start,
    inPoint: (self) => self.in,
    outPoint: (self) => self.out,
    containingComp: (self) => wrapItem(parents.get(self)),
    numProperties: (self) => self.properties.children.length,
    propertyType: () => globals.PropertyType.NAMED_GROUP,
    propertyDepth: () => 0,
    parentProperty: () => null,
    matchName: (self) => (self.kind === "text" ? "ADBE Text Layer" : "ADBE AV Layer"),
  },
  set: {
    name: (self, value) => {
      self.name = check.text(value, "Layer.name");
      self.name_set = true;
    },
    enabled: (self, value) => {
      unlockedLayer(self, "Layer.enabled");
      self.enabled = check.flag(value, "Layer.enabled");
    },
    locked: (self, value) => {
      self.locked = check.flag(value, "Layer.locked");
    },
    startTime: timeSetter("Layer.startTime", (self, value) => {
      self.in += value - self.start;
      self.out += value - self.start;
      self.start = value;
    }),
    inPoint: timeSetter("Layer.inPoint", (self, value) => {
      self.in = value;
    }),
    outPoint: timeSetter("Layer.outPoint", (self, value) => {
      self.out = value;
    }),
  },
  call: {
    property: (self, wanted) => wrapProperty(layerChild(self, wanted)),
    duplicate: (self) => {
      const comp = parents.get(self);
      const copy = parseJson(writeJson(self));
      copy.copy_of = self.copy_of || self.id;
      copy.id = freshId();
      copy.name = self.name + " 2";
      copy.name_set = true;
      const layers = [];
      for (let at = 0; at < comp.layers.length; at += 1) {
        if (comp.layers[at] === self) layers.push(copy);
        layers.push(comp.layers[at]);
      }
      comp.layers = layers;
      adopt(comp, copy);
      return wrapLayer(copy);
    },
  },
  since: { id: 22 },
});

define("AVLayer", {
  parent: "Layer",
  get: {
    source: (self) => (self.source === null ? null : wrapItem(itemById(self.source))),
    hasAudio: (self) => layerHasAudio(self),
    audioEnabled: (self) => self.audio_enabled,
    timeRemapEnabled: (self) => self.remapped,
    essentialProperty: (self) => wrapProperty(childOf(self.properties.children, "ADBE Layer Overrides")),
  },
  set: {
    audioEnabled: (self, value) => {
      unlockedLayer(self, "AVLayer.audioEnabled");
      self.audio_enabled = check.flag(value, "AVLayer.audioEnabled");
    },
  },
  call: {
    replaceSource: (self, item, fix) => {
      unlockedLayer(self, "AVLayer.replaceSource()");
      check.flag(fix, "AVLayer.replaceSource()");
      const source = dataOf(item, "AVItem", "AVLayer.replaceSource()");
      if (self.source === null) throw new Error("AVLayer.replaceSource() of a layer without a source");
      self.source = source.id;
      if (!self.name_set) self.name = source.name;
    },
  },
  since: { essentialProperty: 22 },
});

/** Compositions have sound if something in them has, in whatever depth; a visited set ends loops. */
function layerHasAudio(layer) {
  const open = [layer.source];
  const seen = {};
  while (open.length > 0) {
    const id = open.pop();
    const item = id === null || own(seen, id) ? null : itemById(id);
    seen[id] = true;
    if (item !== null && item.kind === "footage" && item.audio) return true;
    for (let at = 0; item !== null && item.layers && at < item.layers.length; at += 1) open.push(item.layers[at].source);
  }
  return false;
}

define("TextLayer", { parent: "AVLayer" });
define("ShapeLayer", { parent: "AVLayer" });
define("CameraLayer", { parent: "Layer" });
define("LightLayer", { parent: "Layer" });
