// Answers for: what a script finds in its global object: ECMAScript 3 and After Effects, nothing younger. Calls that would turn data
// into code or start programs are there, and count.

const globals = {
  CloseOptions: enumeration("CloseOptions", ["DO_NOT_SAVE_CHANGES", "PROMPT_TO_SAVE_CHANGES", "SAVE_CHANGES"]),
  PropertyType: enumeration("PropertyType", ["PROPERTY", "INDEXED_GROUP", "NAMED_GROUP"]),
  PropertyValueType: enumeration("PropertyValueType", [
    "NO_VALUE", "ThreeD_SPATIAL", "ThreeD", "TwoD_SPATIAL", "TwoD", "OneD", "COLOR", "CUSTOM_VALUE", "MARKER", "LAYER_INDEX", "MASK_INDEX",
    "SHAPE", "TEXT_DOCUMENT",
  ]),
  ParagraphDirection: enumeration("ParagraphDirection", ["DIRECTION_LEFT_TO_RIGHT", "DIRECTION_RIGHT_TO_LEFT"], 24),
  ComposerEngine: enumeration("ComposerEngine", ["LATIN_CJK_ENGINE", "UNIVERSAL_TYPE_ENGINE"], 24),
};

define("System", { get: { osName: () => "stand-in" }, call: { callSystem: () => refuse("forbidden", "system.callSystem()") } });
define("Dollar", {
  get: {
    fileName: () => settings.script,
    os: () => "stand-in",
    locale: () => "en_US",
  },
  call: {
    getenv: () => null,
    writeln: (self, text) => host.log(check.text(text, "$.writeln()")),
    evalFile: () => refuse("forbidden", "$.evalFile()"),
    setenv: () => refuse("forbidden", "$.setenv()"),
  },
});

const ES3 = {
  Object: [[], ["constructor", "toString", "toLocaleString", "valueOf", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"]],
  Function: [[], ["constructor", "toString", "apply", "call", "length", "name"]],
  Array: [[], ["constructor", "toString", "toLocaleString", "concat", "join", "pop", "push", "reverse", "shift", "slice", "sort", "splice", "unshift", "length"]],
  String: [["fromCharCode"], [
    "constructor", "toString", "valueOf", "charAt", "charCodeAt", "concat", "indexOf", "lastIndexOf", "localeCompare", "match", "replace",
    "search", "slice", "split", "substring", "toLowerCase", "toLocaleLowerCase", "toUpperCase", "toLocaleUpperCase", "length",
  ]],
  Boolean: [[], ["constructor", "toString", "valueOf"]],
  Number: [["MAX_VALUE", "MIN_VALUE", "NaN", "NEGATIVE_INFINITY", "POSITIVE_INFINITY"], [
    "constructor", "toString", "toLocaleString", "valueOf", "toFixed", "toExponential", "toPrecision",
  ]],
  RegExp: [[], ["constructor", "exec", "test", "toString", "source", "global", "ignoreCase", "multiline", "flags"]],
  Error: [[], ["constructor", "name", "message", "toString"]],
};
const ES3_MATH = [
  "E", "LN10", "LN2", "LOG2E", "LOG10E", "PI", "SQRT1_2", "SQRT2", "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "log",
  "max", "min", "pow", "random", "round", "sin", "sqrt", "tan",
];
const ES3_GLOBALS = [
  "Object", "Function", "Array", "String", "Boolean", "Number", "RegExp", "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError",
  "TypeError", "URIError", "Math", "Date", "NaN", "Infinity", "undefined", "eval", "parseInt", "parseFloat", "isNaN", "isFinite", "decodeURI",
  "decodeURIComponent", "encodeURI", "encodeURIComponent",
];

function keepOnly(object, kept) {
  const keys = ownKeys(object);
  for (let at = 0; at < keys.length; at += 1) {
    let known = keys[at] === "prototype" || keys[at] === "length" || keys[at] === "name";
    for (let other = 0; other < kept.length; other += 1) known = known || kept[other] === keys[at];
    if (!known) delete object[keys[at]];
  }
}

/** Takes from the realm what ECMAScript 3 does not have, and puts After Effects in. */
function install(realm) {
  keepOnly(Math, ES3_MATH);
  const names = ownKeys(ES3);
  for (let at = 0; at < names.length; at += 1) {
    const made = realm[names[at]];
    keepOnly(made, ES3[names[at]][0]);
    keepOnly(made.prototype, ES3[names[at]][1]);
  }
  keepOnly(realm, ES3_GLOBALS);
  const kinds = ownKeys(classes);
  for (let at = 0; at < kinds.length; at += 1) realm[kinds[at]] = classes[kinds[at]].constructor;
  const enumerations = ownKeys(globals);
  for (let at = 0; at < enumerations.length; at += 1) {
    if (globals[enumerations[at]] !== undefined) realm[enumerations[at]] = globals[enumerations[at]];
  }
  realm.app = wrap("Application", {});
  realm.system = wrap("System", {});
  realm.$ = wrap("Dollar", {});
  realm.alert = () => refuse("forbidden", "alert(), which waits for a person");
  realm.confirm = () => refuse("forbidden", "confirm(), which waits for a person");
}

install(globalThis);
return () => writeJson({ exit_code: run.exitCode, exit: run.exitAfter, suppressed, undo, open: project !== null });
