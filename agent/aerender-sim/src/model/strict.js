// Answers for: objects that have the members of the scripting guide and no others. Whoever touches another one, writes what is
// read-only, or gives a wrong type, gets an error, and the host is told, since scripts catch errors.
//
// This and the other parts are one function body (mod.rs puts them together). The script runs in the same realm, from which
// everything younger than ECMAScript 3 is taken; so nothing here may use such members of arrays, strings, functions or objects
// after the start.

const createObject = Object.create;
const ownKeys = Object.getOwnPropertyNames;
const parseJson = JSON.parse;
const writeJson = JSON.stringify;
const makeProxy = (target, handler) => new ProxyClass(target, handler);
const ProxyClass = Proxy;
const proxies = new WeakMap();
const selves = new WeakMap();
const classes = {};

function own(object, key) {
  return Object.prototype.hasOwnProperty.call(object, key);
}

/** The year-like major version of the host: `since` of a member is compared with it. */
const major = parseFloat(settings.version);

function refuse(kind, what) {
  host.note(kind, what);
  throw new Error(kind + ": " + what);
}

/** Defines a class: `get` reads, `set` writes (with a check), `call` methods, `since` the version a member came with. */
function define(name, spec) {
  const made = { name, parent: spec.parent || null, get: spec.get || {}, set: spec.set || {}, call: spec.call || {}, since: spec.since || {} };
  const construct = spec.construct;
  const constructor = function (...given) {
    if (!construct) refuse("unknown", "new " + name + "()");
    return wrap(name, construct(...given));
  };
  constructor.prototype = createObject(spec.parent ? classes[spec.parent].constructor.prototype : Object.prototype);
  made.constructor = constructor;
  classes[name] = made;
}

function find(name, table, key) {
  for (let at = classes[name]; at; at = at.parent ? classes[at.parent] : null) {
    if (own(at[table], key)) return { member: at[table][key], since: own(at.since, key) ? at.since[key] : 0 };
  }
  return null;
}

/** The one object for `data`, with the members of class `name`. */
function wrap(name, data) {
  const known = proxies.get(data);
  if (known) return known;
  const methods = {};
  const made = makeProxy(createObject(classes[name].constructor.prototype), {
    get(target, key) {
      if (typeof key === "symbol") return undefined;
      const getter = find(name, "get", key);
      if (getter) return getter.since > major ? undefined : getter.member(data);
      const method = find(name, "call", key);
      if (method) {
        if (method.since > major) return undefined;
        if (!own(methods, key)) methods[key] = (...given) => method.member(data, ...given);
        return methods[key];
      }
      if (key === "toString") return () => "[object " + name + "]";
      return refuse("unknown", name + "." + key);
    },
    set(target, key, value) {
      const setter = find(name, "set", key);
      if (setter && setter.since <= major) {
        setter.member(data, value);
        return true;
      }
      if (find(name, "get", key)) refuse("read-only", name + "." + String(key));
      return refuse("unknown", name + "." + String(key) + " =");
    },
    has(target, key) {
      const found = find(name, "get", key) || find(name, "call", key);
      return found !== null && found.since <= major;
    },
    deleteProperty(target, key) {
      return refuse("unknown", "delete " + name + "." + String(key));
    },
    ownKeys() {
      return refuse("unknown", "for (… in " + name + ")");
    },
    defineProperty(target, key) {
      return refuse("unknown", name + "." + String(key) + " defined");
    },
  });
  proxies.set(data, made);
  selves.set(made, { name, data });
  return made;
}

/** What is behind an object of class `name` or one below it. */
function dataOf(value, name, where) {
  const self = value !== null && typeof value === "object" ? selves.get(value) : undefined;
  for (let at = self ? classes[self.name] : null; at; at = at.parent ? classes[at.parent] : null) {
    if (at.name === name) return self.data;
  }
  return refuse("type", where + " takes a " + name);
}

/** Checks of what is given to a member; each gives the value back. */
const check = {
  text(value, where) {
    if (typeof value !== "string") refuse("type", where + " takes a text, not " + typeof value);
    return value;
  },
  flag(value, where) {
    if (typeof value !== "boolean") refuse("type", where + " takes true or false, not " + typeof value);
    return value;
  },
  number(value, where, least, most) {
    if (typeof value !== "number" || !isFinite(value)) refuse("type", where + " takes a number, not " + String(value));
    if ((least !== undefined && value < least) || (most !== undefined && value > most)) {
      throw new Error(where + ": " + value + " is out of range");
    }
    return value;
  },
  whole(value, where, least, most) {
    check.number(value, where, least, most);
    if (Math.floor(value) !== value) refuse("type", where + " takes a whole number, not " + value);
    return value;
  },
  numbers(value, where, lengths) {
    if (Object.prototype.toString.call(value) !== "[object Array]") refuse("type", where + " takes a list of numbers");
    let fits = false;
    for (let at = 0; at < lengths.length; at += 1) fits = fits || value.length === lengths[at];
    if (!fits) throw new Error(where + ": " + value.length + " numbers do not fit");
    const copy = [];
    for (let at = 0; at < value.length; at += 1) copy[at] = check.number(value[at], where);
    return copy;
  },
};

/** An enumeration: members are unique, and compared by identity as After Effects' numbers are. */
function enumeration(name, members, since) {
  if (since && since > major) return undefined;
  const values = {};
  for (let at = 0; at < members.length; at += 1) values[members[at]] = 4000 + 100 * name.length + at;
  return makeProxy(values, {
    get(target, key) {
      if (typeof key === "symbol") return undefined;
      return own(target, key) ? target[key] : refuse("unknown", name + "." + key);
    },
    set(target, key) {
      return refuse("read-only", name + "." + String(key));
    },
  });
}
