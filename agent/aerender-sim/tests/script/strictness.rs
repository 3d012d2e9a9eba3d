//! The model is no yes-man: what a script does that After Effects does not have, or must not do, is seen.

use std::cell::RefCell;
use std::rc::Rc;

use aerender_sim::model::{self, Ran, Settings};

use crate::bench::{Bench, Memory};

fn run(source: &str) -> Ran {
    let bench = Bench::new();
    let root = bench.folder.path();
    let script = root.join("other.jsx");
    std::fs::write(&script, source).expect("can't write");
    let memory = Memory {
        template: bench.template.to_string(),
        ..Memory::default()
    };
    model::run(
        &script,
        root,
        &Settings::default(),
        Rc::new(RefCell::new(memory)),
    )
    .expect("the model failed")
}

const OPEN: &str = "app.beginSuppressDialogs(); app.open(new File(new File($.fileName).parent.fsName + '/t.aep')); var p = app.project; var l = p.item(1).layer(1);";

#[track_caller]
fn notes(source: &str, kind: &str, what: &str) {
    // a script that catches the error does not hide it
    for source in [
        format!("{OPEN} {source}"),
        format!("{OPEN} try {{ {source} }} catch (e) {{}}"),
    ] {
        let ran = run(&source);
        let found = ran
            .notes
            .iter()
            .any(|note| note.kind == kind && note.what.contains(what));
        assert!(found, "{source}: {:?}, {:?}", ran.notes, ran.thrown);
    }
}

#[test]
fn members_that_are_not_there_are_noted() {
    notes("app.foo;", "unknown", "Application.foo");
    notes("app.foo = 1;", "unknown", "Application.foo =");
    notes("l.sourceText;", "unknown", "TextLayer.sourceText");
    notes("p.itemByName('x');", "unknown", "Project.itemByName");
    notes("PropertyType.FOO;", "unknown", "PropertyType.FOO");
    notes("for (var k in l) {}", "unknown", "for");
    notes("delete l.name;", "unknown", "delete");
    notes("new CompItem();", "unknown", "new CompItem()");
    notes("(new File('x')).readln();", "unknown", "File.readln");
}

#[test]
fn what_is_read_only_stays() {
    notes("l.index = 2;", "read-only", "TextLayer.index");
    notes("p.item(1).id = 2;", "read-only", "CompItem.id");
    notes("p.numItems = 2;", "read-only", "Project.numItems");
    notes("app.version = '1';", "read-only", "Application.version");
}

#[test]
fn types_are_held() {
    notes("l.enabled = 1;", "type", "Layer.enabled");
    notes(
        "l.property('Opacity').setValue('50');",
        "type",
        "ADBE Opacity",
    );
    notes(
        "l.property('Position').setValue([1, NaN]);",
        "type",
        "ADBE Position",
    );
    notes("p.item('Main');", "type", "Project.item()");
    notes("p.item(2).layer(1).name = 5;", "type", "Layer.name");
    notes("p.importFile('x');", "type", "ImportOptions");
    notes("var f = new File('x'); f.open('r');", "type", "encoding");
    notes(
        "var d = l.property('Source Text').value; d.fontSize = '12';",
        "type",
        "TextDocument.fontSize",
    );
}

#[test]
fn what_would_run_code_is_counted() {
    notes("system.callSystem('calc');", "forbidden", "callSystem");
    notes("$.evalFile('x');", "forbidden", "evalFile");
    notes("(new File('x')).execute();", "forbidden", "File.execute()");
    notes(
        "l.property('Opacity').expression = 'time';",
        "forbidden",
        "expression",
    );
    notes("app.executeCommand(1);", "forbidden", "executeCommand");
    notes("alert('x');", "forbidden", "alert()");
    notes(
        "p.save(new File('/templates/t.aep'));",
        "forbidden",
        "over the template",
    );
    for source in [
        "eval('1')",
        "new Function('return 1')()",
        "(function () {}).constructor('return 1')()",
        "''.constructor.constructor('1')()",
        "var e = eval; e('1')",
    ] {
        let ran = run(&format!("try {{ {source}; }} catch (e) {{}}"));
        assert_eq!(ran.compiled, 1, "{source}");
        assert!(run(source).thrown.is_some(), "{source} worked");
    }
}

#[test]
fn files_outside_are_not_seen() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("secret");
    std::fs::write(&file, "x").unwrap();
    for path in [
        file.to_str().unwrap(),
        "/etc/passwd",
        "../../../etc/passwd",
        "/tmp/../etc/passwd",
        "relative",
    ] {
        notes(
            &format!("if ((new File('{path}')).exists) {{ throw new Error('seen'); }}"),
            "outside",
            path,
        );
    }
}

#[test]
fn the_realm_is_ecmascript_3() {
    for source in [
        "typeof JSON",
        "typeof Map",
        "typeof Promise",
        "typeof Symbol",
        "typeof [].forEach",
        "typeof [].indexOf",
        "typeof [].map",
        "typeof ''.trim",
        "typeof ''.startsWith",
        "typeof Object.keys",
        "typeof Object.create",
        "typeof (function () {}).bind",
        "typeof Array.isArray",
        "typeof Math.log10",
        "typeof Number.isInteger",
        "typeof globalThis",
        "typeof Proxy",
        "typeof Reflect",
        "typeof WeakMap",
        "typeof console",
    ] {
        let ran = run(&format!("$.writeln({source});"));
        assert_eq!(ran.console, ["undefined"], "{source}");
    }
    let there = run(
        "$.writeln(typeof isFinite + typeof [].slice + typeof ''.split + typeof Math.LN10 + typeof Date + typeof decodeURI);",
    );
    assert_eq!(
        there.console,
        ["functionfunctionfunctionnumberfunctionfunction"]
    );
}

#[test]
fn a_run_that_leaves_things_open_is_seen() {
    assert!(run("app.beginSuppressDialogs();").left_open);
    assert!(run("app.beginUndoGroup('x');").left_open);
    assert!(run(OPEN).left_open);
    assert!(!run("app.exitCode = 3;").left_open);
    assert_eq!(run("app.exitCode = 3;").exit_code, 3);
}

#[test]
fn a_script_that_never_ends_is_ended() {
    assert!(run("function f() { f(); } f();").thrown.is_some());
}
