/*
 * Answers for: setting a job's values in its template, inside After Effects, and saying what became of each. Reads the task
 * (flatrender-task.json) in this script's folder, opens the project, sets, looks at the composition that will be rendered, saves
 * under another name, and writes one report. Must not: take anything of the task for code. There is no eval here, no Function,
 * no expression that is set, no other program that is started, and no part of this file is ever generated: the agent
 * ships these bytes, and tests compare them.
 *
 * The language is ExtendScript: ECMAScript 3 without JSON, Array.prototype.indexOf, forEach or String.prototype.trim. Regular
 * expressions and nested conditional expressions are avoided, since some builds misread them (reference/aerender.md, 4.3).
 * Members of After Effects are those of the public scripting guide; what only newer ones have is looked for before it is used.
 *
 * It is one file, long as it is: After Effects runs one, and an include would be a second file to trust.
 *
 * Exit codes (app.exitCode): 0 the report says all, 20 no task, 21 the report could not be written, 22 the project could not
 * be opened, 23 the prepared project could not be saved, 24 something else ended the run.
 */
(function () {
    var TASK_NAME = "flatrender-task.json";
    var VERSION = 1;
    var MOST_DEPTH = 32;
    var MOST_PROPERTIES = 200000;
    var MOST_LISTED = 1000;
    var MOST_WORDS = 500;
    var SILENT_DB = -192;

    /* Keys that a task has. Others are refused: a task is written by the farm, so they are a mistake, and no key of the
       language's own (__proto__, constructor, …) can get into an object. */
    var KEYS = {
        project: 1, save_as: 1, footage: 1, result: 1, comp: 1, values: 1, version: 1, changes: 1, scenes: 1, id: 1, name: 1,
        index: 1, layer: 1, set: 1, kind: 1, text: 1, font: 1, size: 1, direction: 1, color: 1, file: 1, property: 1, rgba: 1,
        value: 1, on: 1, left: 1, right: 1, unit: 1, order: 1, left_out: 1, throughout: 1, frames: 1, overlap: 1, number: 1,
        "switch": 1, point: 1, media: 1
    };

    function has(object, key) {
        return Object.prototype.hasOwnProperty.call(object, key);
    }

    function isList(value) {
        return Object.prototype.toString.call(value) === "[object Array]";
    }

    function words(error) {
        var text = "";
        if (error !== null && error !== undefined && typeof error === "object" && typeof error.message === "string") {
            text = error.message;
        } else {
            text = String(error);
        }
        if (text.length > MOST_WORDS) {
            text = text.substring(0, MOST_WORDS);
        }
        return text;
    }

    /* A change that can't be made: the outcome, a word for machines, words for people. */
    function Refusal(outcome, reason, detail) {
        this.outcome = outcome;
        this.reason = reason;
        this.message = detail;
    }

    function missing(reason, detail) {
        return new Refusal("missing", reason, detail);
    }

    function failed(reason, detail) {
        return new Refusal("failed", reason, detail);
    }

    /* ---- reading JSON ---- */

    function Reader(text) {
        this.text = text;
        this.at = 0;
        if (text.charCodeAt(0) === 0xFEFF) {
            this.at = 1;
        }
    }

    Reader.prototype.fail = function (what) {
        throw new Error("task: " + what + " at character " + this.at);
    };

    Reader.prototype.skip = function () {
        var code = this.text.charCodeAt(this.at);
        while (code === 0x20 || code === 0x09 || code === 0x0A || code === 0x0D) {
            this.at += 1;
            code = this.text.charCodeAt(this.at);
        }
    };

    Reader.prototype.expect = function (mark) {
        if (this.text.charAt(this.at) !== mark) {
            this.fail("no " + mark);
        }
        this.at += 1;
    };

    Reader.prototype.word = function (word, value) {
        if (this.text.substring(this.at, this.at + word.length) !== word) {
            this.fail("no value");
        }
        this.at += word.length;
        return value;
    };

    Reader.prototype.value = function (depth) {
        var mark;
        if (depth > MOST_DEPTH) {
            this.fail("nested deeper than " + MOST_DEPTH);
        }
        this.skip();
        mark = this.text.charAt(this.at);
        if (mark === "{") {
            return this.object(depth);
        }
        if (mark === "[") {
            return this.list(depth);
        }
        if (mark === "\"") {
            return this.string();
        }
        if (mark === "t") {
            return this.word("true", true);
        }
        if (mark === "f") {
            return this.word("false", false);
        }
        if (mark === "n") {
            return this.word("null", null);
        }
        return this.number();
    };

    Reader.prototype.object = function (depth) {
        var found = {};
        var key;
        this.expect("{");
        this.skip();
        if (this.text.charAt(this.at) === "}") {
            this.at += 1;
            return found;
        }
        for (;;) {
            this.skip();
            key = this.string();
            if (!has(KEYS, key)) {
                this.fail("an unknown key");
            }
            if (has(found, key)) {
                this.fail("the key " + key + " for a second time");
            }
            this.skip();
            this.expect(":");
            found[key] = this.value(depth + 1);
            this.skip();
            if (this.text.charAt(this.at) === "}") {
                this.at += 1;
                return found;
            }
            this.expect(",");
        }
    };

    Reader.prototype.list = function (depth) {
        var found = [];
        this.expect("[");
        this.skip();
        if (this.text.charAt(this.at) === "]") {
            this.at += 1;
            return found;
        }
        for (;;) {
            found[found.length] = this.value(depth + 1);
            this.skip();
            if (this.text.charAt(this.at) === "]") {
                this.at += 1;
                return found;
            }
            this.expect(",");
        }
    };

    /* U+2028, U+2029 and halves of surrogate pairs are characters like others here: nothing is evaluated. */
    Reader.prototype.string = function () {
        var parts = [];
        var start;
        var code;
        this.expect("\"");
        start = this.at;
        for (;;) {
            code = this.text.charCodeAt(this.at);
            if (code !== code || code < 0x20) {
                this.fail("a text that does not end, or a bare control character in it");
            }
            if (code === 0x22) {
                parts[parts.length] = this.text.substring(start, this.at);
                this.at += 1;
                return parts.join("");
            }
            if (code === 0x5C) {
                parts[parts.length] = this.text.substring(start, this.at);
                parts[parts.length] = this.escape();
                start = this.at;
            } else {
                this.at += 1;
            }
        }
    };

    Reader.prototype.escape = function () {
        var plain = "\"\\/bfnrt";
        var meant = "\"\\/\b\f\n\r\t";
        var mark = this.text.charAt(this.at + 1);
        var found = plain.indexOf(mark);
        if (mark !== "" && found >= 0) {
            this.at += 2;
            return meant.charAt(found);
        }
        if (mark !== "u") {
            this.fail("an escape that JSON does not have");
        }
        this.at += 2;
        return String.fromCharCode(this.hex());
    };

    Reader.prototype.hex = function () {
        var code = 0;
        var count;
        var digit;
        for (count = 0; count < 4; count += 1) {
            digit = "0123456789abcdef".indexOf(this.text.charAt(this.at).toLowerCase());
            if (digit < 0 || this.at >= this.text.length) {
                this.fail("an escape without four hexadecimal digits");
            }
            code = code * 16 + digit;
            this.at += 1;
        }
        return code;
    };

    Reader.prototype.digits = function () {
        var start = this.at;
        var code = this.text.charCodeAt(this.at);
        while (code >= 0x30 && code <= 0x39) {
            this.at += 1;
            code = this.text.charCodeAt(this.at);
        }
        if (this.at === start) {
            this.fail("no value");
        }
    };

    Reader.prototype.number = function () {
        var start = this.at;
        var mark;
        var value;
        if (this.text.charAt(this.at) === "-") {
            this.at += 1;
        }
        if (this.text.charAt(this.at) === "0") {
            this.at += 1;
        } else {
            this.digits();
        }
        if (this.text.charAt(this.at) === ".") {
            this.at += 1;
            this.digits();
        }
        mark = this.text.charAt(this.at);
        if (mark === "e" || mark === "E") {
            this.at += 1;
            mark = this.text.charAt(this.at);
            if (mark === "+" || mark === "-") {
                this.at += 1;
            }
            this.digits();
        }
        value = Number(this.text.substring(start, this.at));
        if (!isFinite(value)) {
            this.fail("a number that is too large");
        }
        return value;
    };

    function readJson(text) {
        var reader = new Reader(text);
        var value = reader.value(0);
        reader.skip();
        if (reader.at !== text.length) {
            reader.fail("something after the end");
        }
        return value;
    }

    /* ---- writing JSON ---- */

    function hex4(code) {
        var text = code.toString(16);
        while (text.length < 4) {
            text = "0" + text;
        }
        return "\\u" + text;
    }

    /* Everything that is not plain ASCII is escaped: the report is the same whatever encoding a host writes files in. */
    function writeString(text) {
        var parts = ["\""];
        var start = 0;
        var at;
        var code;
        for (at = 0; at < text.length; at += 1) {
            code = text.charCodeAt(at);
            if (code < 0x20 || code > 0x7E || code === 0x22 || code === 0x5C) {
                parts[parts.length] = text.substring(start, at);
                parts[parts.length] = hex4(code);
                start = at + 1;
            }
        }
        parts[parts.length] = text.substring(start);
        parts[parts.length] = "\"";
        return parts.join("");
    }

    function writeJson(value) {
        var parts = [];
        var at;
        var key;
        if (value === null || value === undefined) {
            return "null";
        }
        if (typeof value === "string") {
            return writeString(value);
        }
        if (typeof value === "boolean") {
            return String(value);
        }
        if (typeof value === "number") {
            if (isFinite(value)) {
                return String(value);
            }
            return "null";
        }
        if (isList(value)) {
            for (at = 0; at < value.length; at += 1) {
                parts[at] = writeJson(value[at]);
            }
            return "[" + parts.join(",") + "]";
        }
        for (key in value) {
            if (has(value, key)) {
                parts[parts.length] = writeString(key) + ":" + writeJson(value[key]);
            }
        }
        return "{" + parts.join(",") + "}";
    }

    /* ---- files ---- */

    function readFile(file) {
        var text;
        file.encoding = "UTF-8";
        if (!file.open("r")) {
            throw new Error("can't open " + file.fsName + ": " + file.error);
        }
        text = file.read();
        file.close();
        return text;
    }

    /* Under another name first: whoever waits for the report never reads half of it. */
    function writeFile(path, text) {
        var part = new File(path + ".part");
        var old = new File(path);
        var written;
        part.encoding = "UTF-8";
        part.lineFeed = "Unix";
        if (!part.open("w")) {
            throw new Error("can't write " + part.fsName + ": " + part.error);
        }
        written = part.write(text);
        written = part.close() && written;
        if (!written) {
            throw new Error("can't write " + part.fsName + ": " + part.error);
        }
        if (old.exists) {
            old.remove();
        }
        if (!part.rename(old.name)) {
            throw new Error("can't rename " + part.fsName);
        }
    }

    /* ---- targets ---- */

    function findComp(wanted) {
        var project = app.project;
        var at;
        var item;
        for (at = 1; at <= project.numItems; at += 1) {
            item = project.item(at);
            if (item.id === wanted.id) {
                if (!(item instanceof CompItem) || item.name !== wanted.name) {
                    throw missing("no_comp", "item " + wanted.id + " is " + item.name + ", not the composition " + wanted.name);
                }
                return item;
            }
        }
        throw missing("no_comp", "there is no item " + wanted.id + ", the composition " + wanted.name);
    }

    /* By id where there are ids, else by index; the name must agree. */
    function findLayer(comp, wanted) {
        var at;
        var layer = null;
        if (comp.numLayers > 0 && comp.layer(1).id !== undefined) {
            for (at = 1; at <= comp.numLayers && layer === null; at += 1) {
                if (comp.layer(at).id === wanted.id) {
                    layer = comp.layer(at);
                }
            }
        } else if (wanted.index <= comp.numLayers) {
            layer = comp.layer(wanted.index);
        }
        if (layer === null) {
            throw missing("no_layer", "composition " + comp.name + " has no layer " + wanted.id + ", " + wanted.name);
        }
        if (layer.name !== wanted.name) {
            throw missing("no_layer", "layer " + wanted.id + " is " + layer.name + ", not " + wanted.name);
        }
        return layer;
    }

    function child(group, step, trail) {
        var found = null;
        try {
            found = group.property(step);
        } catch (error) {
            found = null;
        }
        if (found === null || found === undefined) {
            throw missing("no_property", "there is no " + trail.join(" / "));
        }
        return found;
    }

    function findProperty(layer, steps) {
        var at;
        var step;
        var found = layer;
        var trail = [];
        for (at = 0; at < steps.length; at += 1) {
            step = steps[at].name;
            if (step === undefined) {
                step = steps[at].index;
            }
            trail[at] = step;
            if (at > 0 && found.propertyType === PropertyType.PROPERTY) {
                throw missing("no_property", "there is nothing below " + trail.slice(0, at).join(" / "));
            }
            found = child(found, step, trail);
        }
        if (found.propertyType !== PropertyType.PROPERTY) {
            throw failed("wrong_type", trail.join(" / ") + " is a group, not a property");
        }
        return found;
    }

    /* A property with key frames would take a value only as another key frame, and the animation would be gone. */
    function still(property) {
        if (property.numKeys > 0) {
            throw failed("animated", property.name + " has key frames; the template must leave what is set without");
        }
    }

    function noteComputed(property, report) {
        if (property.canSetExpression && property.expressionEnabled) {
            report.computed = true;
        }
    }

    function partly(report, reason, detail) {
        report.outcome = "partly";
        report.reason = reason;
        if (report.detail !== "") {
            report.detail = report.detail + "; ";
        }
        report.detail = report.detail + detail;
    }

    /* ---- setting ---- */

    /* After Effects ends paragraphs with a carriage return. No character is reordered: direction belongs to the paragraph. */
    function paragraphs(text) {
        return text.split("\r\n").join("\r").split("\n").join("\r");
    }

    function setDirection(doc, direction, report) {
        if (typeof ParagraphDirection === "undefined") {
            partly(report, "no_direction", "this After Effects has no paragraph direction, 24.0 has");
            return;
        }
        try {
            /* only the universal composer shapes right-to-left text */
            if (typeof ComposerEngine !== "undefined" && doc.composerEngine !== ComposerEngine.UNIVERSAL_TYPE_ENGINE) {
                doc.composerEngine = ComposerEngine.UNIVERSAL_TYPE_ENGINE;
            }
            if (direction === "right_to_left") {
                doc.direction = ParagraphDirection.DIRECTION_RIGHT_TO_LEFT;
            } else {
                doc.direction = ParagraphDirection.DIRECTION_LEFT_TO_RIGHT;
            }
        } catch (error) {
            partly(report, "no_direction", words(error));
        }
    }

    function setDocument(property, set, report) {
        var doc = property.value;
        var now;
        still(property);
        if (set.text !== undefined) {
            doc.text = paragraphs(set.text);
        }
        if (set.font !== undefined) {
            doc.font = set.font;
        }
        if (set.size !== undefined) {
            doc.fontSize = set.size;
        }
        if (set.color !== undefined) {
            doc.fillColor = set.color;
        }
        if (set.direction !== undefined) {
            setDirection(doc, set.direction, report);
        }
        property.setValue(doc);
        now = property.value;
        report.text = now.text;
        report.font = now.font;
        if (set.font !== undefined && now.font !== set.font) {
            partly(report, "font_replaced", "the font " + set.font + " is not here, After Effects took " + now.font);
        }
        if (set.text !== undefined && now.text !== paragraphs(set.text)) {
            throw failed("refused", "After Effects changed the text");
        }
        noteComputed(property, report);
    }

    function setText(layer, set, report) {
        if (!(layer instanceof TextLayer)) {
            throw failed("wrong_type", "layer " + layer.name + " is no text layer");
        }
        setDocument(layer.property("ADBE Text Properties").property("ADBE Text Document"), set, report);
    }

    /* Files that were brought in by this run, by name. */
    var imported = {};

    /* The farm checks names when a job comes in. Once more here, for a name is all that a job says of a path: no way up, no
       drive, no stream, nothing that File would decode. */
    function staysInside(name) {
        var parts = name.split("/");
        var at;
        if (name.indexOf("\\") >= 0 || name.indexOf(":") >= 0 || name.indexOf("%") >= 0 || name.indexOf("\u0000") >= 0) {
            return false;
        }
        for (at = 0; at < parts.length; at += 1) {
            if (parts[at] === "" || parts[at] === "." || parts[at] === ".." || parts[at].charAt(0) === "~") {
                return false;
            }
        }
        return true;
    }

    function bringIn(task, name) {
        var key = "file:" + name;
        var file;
        if (has(imported, key)) {
            return imported[key];
        }
        if (!staysInside(name)) {
            throw failed("no_file", "the name " + name + " may lead out of the package");
        }
        file = new File(task.footage + "/" + name);
        if (!file.exists) {
            throw missing("no_file", "the package has no " + name);
        }
        imported[key] = app.project.importFile(new ImportOptions(file));
        return imported[key];
    }

    function media(task, name, kind) {
        var item = bringIn(task, name);
        var fits = false;
        if (kind === "image") {
            fits = item.hasVideo && item.mainSource.isStill;
        } else if (kind === "video") {
            fits = item.hasVideo && !item.mainSource.isStill;
        } else {
            fits = item.hasAudio;
        }
        if (!fits) {
            throw failed("wrong_media", name + " is no " + kind);
        }
        return item;
    }

    function setMedia(layer, set, task) {
        if (!(layer instanceof AVLayer) || layer.source === null) {
            throw failed("wrong_type", "layer " + layer.name + " shows no file");
        }
        layer.replaceSource(media(task, set.file, set.kind), false);
    }

    function setNumber(property, value, report) {
        still(property);
        if (property.propertyValueType !== PropertyValueType.OneD) {
            throw failed("wrong_type", property.name + " takes no single number");
        }
        if ((property.hasMin && value < property.minValue) || (property.hasMax && value > property.maxValue)) {
            throw failed("out_of_range", property.name + " does not take " + value);
        }
        property.setValue(value);
        noteComputed(property, report);
    }

    function setColor(property, rgba, report) {
        still(property);
        if (property.propertyValueType !== PropertyValueType.COLOR) {
            throw failed("wrong_type", property.name + " is no colour");
        }
        property.setValue(rgba);
        noteComputed(property, report);
    }

    function setPoint(property, value, report) {
        var type = property.propertyValueType;
        var two = type === PropertyValueType.TwoD || type === PropertyValueType.TwoD_SPATIAL;
        var three = type === PropertyValueType.ThreeD || type === PropertyValueType.ThreeD_SPATIAL;
        still(property);
        /* a third number is filled in by After Effects, a third one too many is a mistake */
        if (!(three || (two && value.length === 2))) {
            throw failed("wrong_type", property.name + " takes no " + value.length + " numbers");
        }
        property.setValue(value);
        noteComputed(property, report);
    }

    function controlProperty(layer, names) {
        var found;
        var at;
        var trail = [];
        if (!(layer instanceof AVLayer) || layer.source === null || !(layer.source instanceof CompItem)) {
            throw failed("wrong_type", "layer " + layer.name + " shows no composition, which would have the controls");
        }
        found = layer.essentialProperty;
        if (found === undefined || found === null) {
            throw failed("unsupported", "this After Effects can't set Essential Graphics by script");
        }
        for (at = 0; at < names.length; at += 1) {
            trail[at] = names[at];
            if (at > 0 && found.propertyType === PropertyType.PROPERTY) {
                throw missing("no_property", "there is nothing below " + trail.slice(0, at).join(" / "));
            }
            found = child(found, names[at], trail);
        }
        if (found.propertyType !== PropertyType.PROPERTY) {
            throw failed("wrong_type", trail.join(" / ") + " is a group of controls");
        }
        return found;
    }

    function setControl(layer, set, task, report) {
        var property = controlProperty(layer, set.name);
        var value = set.value;
        if (value.media !== undefined) {
            if (!property.canSetAlternateSource) {
                throw failed("wrong_type", property.name + " is no media replacement");
            }
            property.setAlternateSource(bringIn(task, value.media));
        } else if (value.text !== undefined) {
            if (property.propertyValueType !== PropertyValueType.TEXT_DOCUMENT) {
                throw failed("wrong_type", property.name + " is no text");
            }
            setDocument(property, value, report);
        } else if (value["switch"] !== undefined) {
            setNumber(property, Number(value["switch"]), report);
        } else if (value.color !== undefined) {
            setColor(property, value.color, report);
        } else if (value.point !== undefined) {
            setPoint(property, value.point, report);
        } else {
            setNumber(property, value.number, report);
        }
    }

    function decibels(value, unit) {
        if (unit === "db") {
            return value;
        }
        if (value <= 0) {
            return SILENT_DB;
        }
        return Math.max(SILENT_DB, 20 * Math.log(value / 100) / Math.LN10);
    }

    function setLevel(layer, set, report) {
        var property;
        if (!(layer instanceof AVLayer) || !layer.hasAudio) {
            throw failed("no_sound", "layer " + layer.name + " has no sound");
        }
        property = layer.property("ADBE Audio Group").property("ADBE Audio Levels");
        still(property);
        property.setValue([decibels(set.left, set.unit), decibels(set.right, set.unit)]);
        noteComputed(property, report);
    }

    function apply(layer, set, task, report) {
        if (set.kind === "text") {
            setText(layer, set, report);
        } else if (set.kind === "image" || set.kind === "video" || set.kind === "audio") {
            setMedia(layer, set, task);
        } else if (set.kind === "color") {
            setColor(findProperty(layer, set.property), set.rgba, report);
        } else if (set.kind === "number") {
            setNumber(findProperty(layer, set.property), set.value, report);
        } else if (set.kind === "point") {
            setPoint(findProperty(layer, set.property), set.value, report);
        } else if (set.kind === "visible") {
            layer.enabled = set.on;
        } else if (set.kind === "control") {
            setControl(layer, set, task, report);
        } else if (set.kind === "audio_level") {
            setLevel(layer, set, report);
        } else {
            throw failed("unsupported", "this script does not know this kind of value");
        }
    }

    function newChangeReport() {
        return {outcome: "set", reason: "", detail: "", computed: false, text: null, font: null};
    }

    function noteRefusal(report, error) {
        if (error instanceof Refusal) {
            report.outcome = error.outcome;
            report.reason = error.reason;
        } else {
            report.outcome = "failed";
            report.reason = "refused";
        }
        report.detail = words(error);
    }

    /* A locked layer takes no values; it is locked again afterwards. */
    function unlocked(layer, act) {
        var locked = layer.locked;
        if (locked) {
            layer.locked = false;
        }
        try {
            act(layer);
        } finally {
            if (locked) {
                layer.locked = true;
            }
        }
    }

    function applyChange(change, task) {
        var report = newChangeReport();
        try {
            unlocked(findLayer(findComp(change.comp), change.layer), function (layer) {
                apply(layer, change.set, task, report);
            });
        } catch (error) {
            noteRefusal(report, error);
        }
        return report;
    }

    /* ---- scenes ---- */

    /* All layers are found, and all lengths looked at, before the first is moved. */
    function planScenes(comp, scenes) {
        var plan = [];
        var used = {};
        var at;
        var scene;
        var layer;
        for (at = 0; at < scenes.order.length; at += 1) {
            scene = scenes.order[at];
            layer = findLayer(comp, scene.layer);
            if (layer instanceof AVLayer && layer.source instanceof CompItem && !layer.timeRemapEnabled) {
                if (scene.frames * comp.frameDuration > layer.source.duration + comp.frameDuration / 2) {
                    throw failed("too_long", "scene " + layer.name + " gets " + scene.frames + " frames, its composition has "
                        + Math.round(layer.source.duration / comp.frameDuration));
                }
            }
            plan[at] = {layer: layer, frames: scene.frames, overlap: 0, again: has(used, "layer:" + layer.index)};
            if (scene.overlap !== undefined) {
                plan[at].overlap = scene.overlap;
            }
            used["layer:" + layer.index] = true;
        }
        return plan;
    }

    function findAll(comp, list) {
        var found = [];
        var at;
        if (list !== undefined) {
            for (at = 0; at < list.length; at += 1) {
                found[at] = findLayer(comp, list[at]);
            }
        }
        return found;
    }

    function place(layer, start, length) {
        unlocked(layer, function (free) {
            free.startTime = free.startTime + (start - free.inPoint);
            free.outPoint = start + length;
        });
    }

    function applyScenes(scenes) {
        var comp = findComp(scenes.comp);
        var plan = planScenes(comp, scenes);
        var out = findAll(comp, scenes.left_out);
        var through = findAll(comp, scenes.throughout);
        var frames = 0;
        var at;
        var length;
        for (at = 0; at < plan.length; at += 1) {
            if (plan[at].again) {
                plan[at].layer = plan[at].layer.duplicate();
            }
        }
        for (at = 0; at < plan.length; at += 1) {
            frames += plan[at].frames - plan[at].overlap;
        }
        length = frames * comp.frameDuration;
        comp.duration = length;
        comp.workAreaStart = 0;
        comp.workAreaDuration = length;
        frames = 0;
        for (at = 0; at < plan.length; at += 1) {
            place(plan[at].layer, frames * comp.frameDuration, plan[at].frames * comp.frameDuration);
            frames += plan[at].frames - plan[at].overlap;
        }
        for (at = 0; at < out.length; at += 1) {
            unlocked(out[at], function (layer) {
                layer.enabled = false;
                if (layer instanceof AVLayer && layer.hasAudio) {
                    layer.audioEnabled = false;
                }
            });
        }
        for (at = 0; at < through.length; at += 1) {
            unlocked(through[at], function (layer) {
                layer.outPoint = length;
            });
        }
    }

    /* ---- looking at what will be rendered ---- */

    /* The compositions that one reaches, each once. */
    function reached(comp) {
        var found = [comp];
        var seen = {};
        var at;
        var number;
        var layer;
        seen["item:" + comp.id] = true;
        for (at = 0; at < found.length; at += 1) {
            for (number = 1; number <= found[at].numLayers; number += 1) {
                layer = found[at].layer(number);
                if (layer instanceof AVLayer && layer.source instanceof CompItem && !has(seen, "item:" + layer.source.id)) {
                    seen["item:" + layer.source.id] = true;
                    found[found.length] = layer.source;
                }
            }
        }
        return found;
    }

    function count(counts, name) {
        var key = "name:" + name;
        if (!has(counts, key)) {
            counts[key] = 0;
        }
        counts[key] += 1;
    }

    function listCounts(counts, entry) {
        var list = [];
        var key;
        for (key in counts) {
            if (has(counts, key)) {
                list[list.length] = entry(key.substring(5), counts[key]);
            }
        }
        return list;
    }

    function noteOnce(report, note) {
        var at;
        for (at = 0; at < report.notes.length; at += 1) {
            if (report.notes[at] === note) {
                return;
            }
        }
        report.notes[report.notes.length] = note;
    }

    function inspectProperty(property, comp, layer, report) {
        var path = [];
        var at;
        var value;
        if (!property.canSetExpression || !property.expressionEnabled) {
            return;
        }
        try {
            /* an expression is evaluated when its value is asked for */
            value = property.valueAtTime(comp.workAreaStart, false);
        } catch (error) {
            value = null;
        }
        if (property.expressionError === "") {
            return;
        }
        if (report.expression_errors.length >= MOST_LISTED) {
            noteOnce(report, "more than " + MOST_LISTED + " expressions fail");
            return;
        }
        for (at = property; at !== null && at.propertyDepth > 0; at = at.parentProperty) {
            path[path.length] = at.matchName;
        }
        path.reverse();
        report.expression_errors[report.expression_errors.length] = {
            comp: comp.name, layer: layer.name, property: path, message: property.expressionError.substring(0, MOST_WORDS)
        };
    }

    /* Every property below a layer, without recursion. */
    function inspectProperties(comp, layer, report, budget) {
        var open = [layer];
        var group;
        var at;
        var property;
        while (open.length > 0) {
            group = open.pop();
            for (at = 1; at <= group.numProperties; at += 1) {
                budget.left -= 1;
                if (budget.left < 0) {
                    noteOnce(report, "more than " + MOST_PROPERTIES + " properties: the rest was not searched for failing expressions");
                    return;
                }
                property = group.property(at);
                if (property !== null && property !== undefined) {
                    if (property.propertyType === PropertyType.PROPERTY) {
                        inspectProperty(property, comp, layer, report);
                    } else {
                        open[open.length] = property;
                    }
                }
            }
        }
    }

    function inspectLayer(comp, layer, report, counts) {
        var effects;
        var at;
        if (layer instanceof TextLayer && layer.enabled) {
            count(counts.fonts, layer.property("ADBE Text Properties").property("ADBE Text Document").value.font);
        }
        if (layer instanceof AVLayer) {
            effects = layer.property("ADBE Effect Parade");
            for (at = 1; effects !== null && at <= effects.numProperties; at += 1) {
                if (effects.property(at).enabled) {
                    count(counts.effects, effects.property(at).matchName);
                }
            }
            if (layer.hasAudio && layer.audioEnabled && !(layer.source instanceof CompItem)) {
                counts.sound = true;
            }
        }
        inspectProperties(comp, layer, report, counts.budget);
    }

    function inspectFootage(report) {
        var at;
        var item;
        for (at = 1; at <= app.project.numItems; at += 1) {
            item = app.project.item(at);
            if (item instanceof FootageItem && item.footageMissing && item.mainSource instanceof FileSource) {
                if (report.footage_missing.length >= MOST_LISTED) {
                    noteOnce(report, "more than " + MOST_LISTED + " footage items are missing");
                    return;
                }
                report.footage_missing[report.footage_missing.length] = {name: item.name, path: item.mainSource.missingFootagePath};
            }
        }
    }

    function inspectFonts(report) {
        var list;
        var at;
        if (app.fonts === undefined) {
            return;
        }
        list = app.fonts.missingOrSubstitutedFonts;
        report.fonts_missing = [];
        for (at = 0; at < list.length && at < MOST_LISTED; at += 1) {
            report.fonts_missing[at] = list[at].postScriptName;
        }
    }

    /* 17.1 has the start as a frame; before, it is a time. */
    function startFrame(comp) {
        if (comp.displayStartFrame !== undefined) {
            return comp.displayStartFrame - app.project.displayStartFrame;
        }
        return Math.round(comp.displayStartTime / comp.frameDuration);
    }

    function inspect(task, report) {
        var comp = findComp(task.comp);
        var counts = {fonts: {}, effects: {}, sound: false, budget: {left: MOST_PROPERTIES}};
        var comps = reached(comp);
        var at;
        var number;
        for (at = 0; at < comps.length; at += 1) {
            for (number = 1; number <= comps[at].numLayers; number += 1) {
                inspectLayer(comps[at], comps[at].layer(number), report, counts);
            }
        }
        report.comp = {
            comp: {id: comp.id, name: comp.name},
            frames: Math.round(comp.duration / comp.frameDuration),
            width: comp.width,
            height: comp.height,
            frame_rate: comp.frameRate,
            pixel_aspect: comp.pixelAspect,
            project_base: app.project.displayStartFrame,
            start_frame: startFrame(comp),
            background: comp.bgColor,
            sound: counts.sound
        };
        report.fonts = listCounts(counts.fonts, function (name, times) {
            return {name: name, layers: times};
        });
        report.effects = listCounts(counts.effects, function (name, times) {
            return {name: name, count: times};
        });
        inspectFootage(report);
        inspectFonts(report);
    }

    /* ---- the run ---- */

    function newReport() {
        return {
            version: VERSION, host: {version: app.version, os: $.os}, saved: false, stopped: null, changes: [], scenes: null,
            comp: null, fonts: [], fonts_missing: null, effects: [], expression_errors: [], footage_missing: [], notes: []
        };
    }

    function applyAll(task, report) {
        var changes = task.values.changes;
        var at;
        for (at = 0; at < changes.length; at += 1) {
            report.changes[at] = applyChange(changes[at], task);
        }
        if (task.values.scenes !== undefined) {
            report.scenes = newChangeReport();
            try {
                applyScenes(task.values.scenes);
            } catch (error) {
                noteRefusal(report.scenes, error);
            }
        }
    }

    function openProject(task) {
        var file = new File(task.project);
        if (!file.exists) {
            throw new Error("there is no project " + task.project);
        }
        if (app.open(file) === null) {
            throw new Error("After Effects opened nothing");
        }
    }

    function save(task, report) {
        app.project.save(new File(task.save_as));
        if (!(new File(task.save_as)).exists) {
            throw new Error("After Effects saved nothing");
        }
        report.saved = true;
    }

    /* One step of the run; false ends it. */
    function step(name, code, report, act) {
        try {
            act();
            return true;
        } catch (error) {
            report.stopped = {step: name, message: words(error)};
            app.exitCode = code;
            return false;
        }
    }

    function run(task, report) {
        var going = step("open", 22, report, function () {
            openProject(task);
        });
        if (!going) {
            return;
        }
        app.beginUndoGroup("FlatRender");
        going = step("apply", 24, report, function () {
            applyAll(task, report);
        });
        app.endUndoGroup();
        going = going && step("inspect", 24, report, function () {
            inspect(task, report);
        });
        if (going) {
            step("save", 23, report, function () {
                save(task, report);
            });
        }
        app.project.close(CloseOptions.DO_NOT_SAVE_CHANGES);
    }

    function readTask() {
        var folder = (new File($.fileName)).parent;
        var task = readJson(readFile(new File(folder.fsName + "/" + TASK_NAME)));
        if (task === null || typeof task !== "object" || task.values === undefined || task.values.version !== VERSION) {
            throw new Error("task: not of version " + VERSION);
        }
        return task;
    }

    function main() {
        var task;
        var report;
        app.exitCode = 0;
        app.exitAfterLaunchAndEval = true;
        app.saveProjectOnCrash = false;
        app.beginSuppressDialogs();
        try {
            task = readTask();
        } catch (error) {
            app.exitCode = 20;
            $.writeln("flatrender: " + words(error));
            app.endSuppressDialogs(false);
            return;
        }
        report = newReport();
        try {
            run(task, report);
        } catch (error2) {
            app.exitCode = 24;
            report.stopped = {step: "apply", message: words(error2)};
        }
        try {
            writeFile(task.result, writeJson(report));
        } catch (error3) {
            app.exitCode = 21;
            $.writeln("flatrender: " + words(error3));
        }
        app.endSuppressDialogs(false);
    }

    main();
}());
