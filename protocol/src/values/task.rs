//! Answers for: what a prepare attempt writes beside the values script: the values, and where the project is, goes to, and has its
//! files. Must not: touch them.

use serde::{Deserialize, Serialize};

use super::check::{Checker, Wrong};
use super::document::{CompRef, Values};

/// Name of the task's file. The script looks for it in its own folder: a path beside the script is the same on Windows
/// (`AfterFX.com -r`) and macOS (`DoScriptFile`), and in an After Effects that runs already, which has an environment that is
/// not ours.
pub const TASK_FILE: &str = "flatrender-task.json";

/// What the values script does in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The project to open, an absolute path.
    pub project: String,
    /// Where the prepared project goes, an absolute path. Not the project itself.
    pub save_as: String,
    /// The folder that the files of the values are in, an absolute path. Best beside `save_as`: After Effects remembers files
    /// relative to the project as well.
    pub footage: String,
    /// Where the report goes, an absolute path.
    pub result: String,
    /// The composition that will be rendered, which the report is about.
    pub comp: CompRef,
    /// What is set.
    pub values: Values,
}

impl Task {
    /// Every field that is not taken; empty for a task that can be done.
    #[must_use]
    pub fn wrong(&self) -> Vec<Wrong> {
        let mut checker = Checker::new();
        let paths = [
            ("project", &self.project),
            ("save_as", &self.save_as),
            ("footage", &self.footage),
            ("result", &self.result),
        ];
        for (field, path) in paths {
            checker.name(field, path);
            // After Effects' File object would undo it and look elsewhere
            if path.contains('%') {
                checker.add(field, format!("{path:?} has a %, which After Effects' File object decodes; use another folder"));
            }
        }
        for (field, path) in [("save_as", &self.save_as), ("result", &self.result)] {
            if *path == self.project {
                checker.add(
                    field,
                    format!("is the project itself, {path:?}, which must stay as it is"),
                );
            }
        }
        checker.comp("comp", &self.comp);
        let mut wrong = checker.done();
        wrong.extend(self.values.wrong().into_iter().map(|one| Wrong {
            field: format!("values.{}", one.field),
            why: one.why,
        }));
        wrong
    }
}
