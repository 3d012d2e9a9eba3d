// Answers for: app, the project, its items and their sources, as the scripting guide has them.

let project = null;
let undo = 0;
let suppressed = 0;
const run = { exitCode: 0, exitAfter: false, saveOnCrash: true };

function itemById(id) {
  for (let at = 0; at < project.items.length; at += 1) {
    if (project.items[at].id === id) return project.items[at];
  }
  return null;
}

function wrapItem(item) {
  if (item === null) return null;
  return wrap(item.kind === "comp" ? "CompItem" : item.kind === "folder" ? "FolderItem" : "FootageItem", item);
}

function freshId() {
  let most = 0;
  for (let at = 0; at < project.items.length; at += 1) {
    const item = project.items[at];
    most = Math.max(most, item.id);
    for (let number = 0; item.layers && number < item.layers.length; number += 1) most = Math.max(most, item.layers[number].id);
  }
  return most + 1;
}

function opened() {
  if (project === null) throw new Error("no project is open");
  return project;
}

define("Application", {
  get: {
    version: () => settings.version,
    buildName: () => settings.version,
    isRenderEngine: () => false,
    project: () => wrap("Project", projectObject),
    fonts: () => wrap("FontsObject", settings),
    exitCode: () => run.exitCode,
    exitAfterLaunchAndEval: () => run.exitAfter,
    saveProjectOnCrash: () => run.saveOnCrash,
  },
  set: {
    exitCode: (self, value) => {
      run.exitCode = check.whole(value, "app.exitCode", 0, 255);
    },
    exitAfterLaunchAndEval: (self, value) => {
      run.exitAfter = check.flag(value, "app.exitAfterLaunchAndEval");
    },
    saveProjectOnCrash: (self, value) => {
      run.saveOnCrash = check.flag(value, "app.saveProjectOnCrash");
    },
  },
  call: {
    beginSuppressDialogs: () => {
      suppressed += 1;
    },
    endSuppressDialogs: (self, alert) => {
      check.flag(alert, "app.endSuppressDialogs()");
      if (suppressed === 0) refuse("type", "app.endSuppressDialogs() without a begin");
      suppressed -= 1;
    },
    beginUndoGroup: (self, name) => {
      check.text(name, "app.beginUndoGroup()");
      undo += 1;
    },
    endUndoGroup: () => {
      if (undo === 0) refuse("type", "app.endUndoGroup() without a begin");
      undo -= 1;
    },
    open: (self, file) => {
      if (suppressed === 0) refuse("type", "app.open() that may show dialogs");
      project = parseJson(host.load(dataOf(file, "File", "app.open()").path));
      prepare(project);
      return wrap("Project", projectObject);
    },
    executeCommand: () => refuse("forbidden", "app.executeCommand()"),
    scheduleTask: () => refuse("forbidden", "app.scheduleTask()"),
    newProject: () => refuse("forbidden", "app.newProject(), which hangs without a user interface"),
    quit: () => refuse("forbidden", "app.quit(), which ends an After Effects that others use"),
  },
  since: { fonts: 24 },
});

define("FontsObject", {
  get: {
    missingOrSubstitutedFonts: (self) => {
      const list = [];
      for (let at = 0; at < self.missing_fonts.length; at += 1) list[at] = wrap("FontObject", { name: self.missing_fonts[at] });
      return list;
    },
  },
});

define("FontObject", { get: { postScriptName: (self) => self.name } });

const projectObject = {};

define("Project", {
  get: {
    numItems: () => opened().items.length,
    displayStartFrame: () => opened().display_start,
    file: () => wrap("File", { path: opened().path, mode: "", text: "", encoding: "", lineFeed: "", error: "" }),
  },
  call: {
    item: (self, number) => {
      check.whole(number, "Project.item()", 1, opened().items.length);
      return wrapItem(project.items[number - 1]);
    },
    importFile: (self, options) => {
      const file = dataOf(options, "ImportOptions", "Project.importFile()").file;
      const found = parseJson(host.probe(file.path));
      if (found === null) throw new Error("After Effects can't import " + file.path);
      const name = file.path.substring(file.path.lastIndexOf("/") + 1);
      const item = {
        id: freshId(), name, kind: "footage", source: "file", path: file.path, missing: false, imported: true, still: found.still,
        video: found.video, audio: found.audio, width: found.width, height: found.height, duration: found.duration,
      };
      opened().items.push(item);
      return wrapItem(item);
    },
    save: (self, file) => {
      opened();
      if (file === undefined) refuse("forbidden", "Project.save() over the template");
      const path = dataOf(file, "File", "Project.save()").path;
      if (path === project.path) refuse("forbidden", "Project.save() over the template");
      if (undo !== 0) refuse("type", "Project.save() inside an undo group");
      host.save(path, writeJson(project));
    },
    close: (self, options) => {
      opened();
      if (options !== globals.CloseOptions.DO_NOT_SAVE_CHANGES) refuse("forbidden", "Project.close() that saves or asks");
      project = null;
      return true;
    },
  },
});

define("ImportOptions", {
  construct: (file) => ({ file: dataOf(file, "File", "ImportOptions()") }),
  get: { file: (self) => wrap("File", self.file), sequence: () => false },
});

define("Item", {
  get: {
    id: (self) => self.id,
    name: (self) => self.name,
    typeName: (self) => (self.kind === "comp" ? "Composition" : self.kind === "folder" ? "Folder" : "Footage"),
  },
  set: {
    name: (self, value) => {
      self.name = check.text(value, "Item.name");
    },
  },
});

define("FolderItem", { parent: "Item" });

define("AVItem", {
  parent: "Item",
  get: {
    width: (self) => self.width,
    height: (self) => self.height,
    duration: (self) => self.duration,
    hasVideo: (self) => self.kind === "comp" || self.video,
    hasAudio: (self) => self.kind === "comp" || self.audio,
    footageMissing: (self) => self.kind === "footage" && self.missing,
    pixelAspect: (self) => (self.kind === "comp" ? self.pixel_aspect : 1),
    frameRate: (self) => (self.kind === "comp" ? self.frame_rate : 0),
    frameDuration: (self) => (self.kind === "comp" ? 1 / self.frame_rate : 0),
  },
});

define("FootageItem", {
  parent: "AVItem",
  get: {
    mainSource: (self) => wrap(self.source === "file" ? "FileSource" : self.source === "solid" ? "SolidSource" : "PlaceholderSource", sourceOf(self)),
    file: (self) => (self.source === "file" ? wrap("File", { path: self.path, mode: "", text: "", encoding: "", lineFeed: "", error: "" }) : null),
  },
});

const sources = new WeakMap();

function sourceOf(item) {
  if (!sources.get(item)) sources.set(item, { item });
  return sources.get(item);
}

define("FootageSource", {
  get: { isStill: (self) => self.item.still },
});
define("FileSource", {
  parent: "FootageSource",
  get: { missingFootagePath: (self) => (self.item.missing ? self.item.path : "") },
});
define("SolidSource", { parent: "FootageSource" });
define("PlaceholderSource", { parent: "FootageSource" });

function endOfWorkArea(comp) {
  comp.work_start = Math.min(comp.work_start, comp.duration);
  comp.work_duration = Math.min(comp.work_duration, comp.duration - comp.work_start);
}

define("CompItem", {
  parent: "AVItem",
  get: {
    numLayers: (self) => self.layers.length,
    bgColor: (self) => [self.background[0], self.background[1], self.background[2]],
    workAreaStart: (self) => self.work_start,
    workAreaDuration: (self) => self.work_duration,
    displayStartTime: (self) => self.display_start,
    displayStartFrame: (self) => Math.round(self.display_start * self.frame_rate) + project.display_start,
  },
  set: {
    duration: (self, value) => {
      self.duration = check.number(value, "CompItem.duration", 0.0001, 10800);
      endOfWorkArea(self);
    },
    workAreaStart: (self, value) => {
      self.work_start = check.number(value, "CompItem.workAreaStart", 0, self.duration);
      endOfWorkArea(self);
    },
    workAreaDuration: (self, value) => {
      // as float: the end may be a hair beyond the composition's
      self.work_duration = check.number(value, "CompItem.workAreaDuration", 0, self.duration - self.work_start + 1e-6);
    },
  },
  call: {
    layer: (self, number) => {
      check.whole(number, "CompItem.layer()", 1, self.layers.length);
      return wrapLayer(self.layers[number - 1]);
    },
  },
  since: { displayStartFrame: 17.1 },
});
