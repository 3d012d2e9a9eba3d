// Answers for: File and Folder of ExtendScript, inside the folder that the host lets a run see.

function filePath(given) {
  // After Effects takes native paths and URIs, and undoes %xx in both
  let path = check.text(given, "File()");
  try {
    path = decodeURIComponent(path);
  } catch (error) {
    path = check.text(given, "File()");
  }
  return path.split("\\").join("/");
}

function parentPath(path) {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.substring(0, at);
}

define("File", {
  construct: (path) => ({ path: filePath(path), mode: "", text: "", encoding: "", lineFeed: "Unix", error: "" }),
  get: {
    exists: (self) => host.exists(self.path),
    fsName: (self) => self.path,
    fullName: (self) => self.path,
    name: (self) => self.path.substring(self.path.lastIndexOf("/") + 1),
    parent: (self) => wrap("Folder", { path: parentPath(self.path) }),
    encoding: (self) => self.encoding,
    lineFeed: (self) => self.lineFeed,
    error: (self) => self.error,
  },
  set: {
    encoding: (self, value) => {
      self.encoding = check.text(value, "File.encoding");
    },
    lineFeed: (self, value) => {
      self.lineFeed = check.text(value, "File.lineFeed");
    },
  },
  call: {
    open: (self, mode) => {
      if (mode !== "r" && mode !== "w") refuse("type", "File.open() takes r or w here, not " + String(mode));
      if (self.encoding !== "UTF-8") refuse("type", "File.open() without encoding UTF-8 depends on the system");
      self.text = mode === "r" ? host.read(self.path) : "";
      if (self.text === null || (mode === "w" && !host.writable(self.path))) {
        self.error = mode === "r" ? "File or folder does not exist" : "I/O error";
        return false;
      }
      self.mode = mode;
      return true;
    },
    read: (self) => {
      if (self.mode !== "r") refuse("type", "File.read() of a file that is not open for reading");
      const text = self.text;
      self.text = "";
      return text;
    },
    write: (self, text) => {
      if (self.mode !== "w") refuse("type", "File.write() to a file that is not open for writing");
      self.text += check.text(text, "File.write()");
      return true;
    },
    close: (self) => {
      const good = self.mode !== "w" || host.write(self.path, self.text);
      if (!good) self.error = "I/O error";
      self.mode = "";
      return good;
    },
    remove: (self) => host.remove(self.path),
    rename: (self, name) => {
      check.text(name, "File.rename()");
      if (name.indexOf("/") >= 0) refuse("type", "File.rename() takes a name, not a path");
      const to = parentPath(self.path) + "/" + name;
      if (!host.rename(self.path, to)) return false;
      self.path = to;
      return true;
    },
    execute: () => refuse("forbidden", "File.execute()"),
  },
});

define("Folder", {
  construct: (path) => ({ path: filePath(path) }),
  get: {
    exists: (self) => host.exists(self.path),
    fsName: (self) => self.path,
    fullName: (self) => self.path,
    name: (self) => self.path.substring(self.path.lastIndexOf("/") + 1),
    parent: (self) => wrap("Folder", { path: parentPath(self.path) }),
  },
  call: { execute: () => refuse("forbidden", "Folder.execute()") },
});
