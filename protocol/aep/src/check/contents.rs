//! Findings about what compositions show: footage, fonts, effects, expressions, solo switches.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::findings::{Findings, names, place, several, short, short_path};
use super::{Finding, Presence, Question, Severity};
use crate::effects::{self, EffectFacts, Gpu, Origin, Past, Split};
use crate::model::{Composition, Footage, FootageKind, Layer, LayerKind, Project};

type Place<'a> = (&'a Composition, &'a Layer);

/// Footage once each, with the first layer that shows it.
pub(super) fn footage(
    project: &Project,
    question: &Question<'_>,
    layers: &[Place<'_>],
    findings: &mut Findings,
) {
    let mut users: HashMap<u32, Vec<Place<'_>>> = HashMap::new();
    for (comp, layer) in layers {
        if let Some(id) = layer.source_id {
            users.entry(id).or_default().push((*comp, *layer));
        }
        if layer.kind == LayerKind::Unknown {
            findings.add(Finding {
                severity: Severity::Error,
                code: "no_source",
                what: "it shows an item that is not in the project, or is of a kind this reader does not know".to_owned(),
                comp: Some(short(&comp.name)),
                layer: Some(place((*comp, *layer))),
                remedy: "replace its source in After Effects, or take the layer out".to_owned(),
            });
        }
    }
    // a layered file has an item for each of its layers: it is missing once
    let mut told = HashSet::new();
    for item in &project.footage {
        // layers that are off, or beyond the composition that is asked for, need nothing
        let Some(users) = users.get(&item.id) else {
            continue;
        };
        let path = item.file.as_ref().map(|file| file.path.as_str());
        if path.is_none_or(|path| told.insert(path)) || item.proxy.is_some() {
            one_item(item, question, users, findings);
        }
    }
}

fn one_item(item: &Footage, question: &Question<'_>, users: &[Place<'_>], findings: &mut Findings) {
    let user = users[0];
    let mut add = |severity, code, what: String, remedy: &str| {
        let more = match users.len() {
            1 => String::new(),
            several => format!("; {several} layers show it"),
        };
        findings.add(Finding {
            severity,
            code,
            what: what + &more,
            comp: Some(short(&user.0.name)),
            layer: Some(place(user)),
            remedy: remedy.to_owned(),
        });
    };
    let name = short(&item.name);
    if let Some(proxy) = &item.proxy {
        add(
            Severity::Warning,
            "proxy",
            format!("a proxy stands in for \"{name}\": {}", short(&proxy.path)),
            "remove the proxy, or render with settings that use none",
        );
    }
    let file = match (item.kind, &item.file) {
        (FootageKind::Solid, _) => return,
        (FootageKind::Placeholder, _) => {
            return add(
                Severity::Warning,
                "placeholder",
                format!("\"{name}\" is a placeholder: colour bars are rendered"),
                "replace it with footage",
            );
        }
        (FootageKind::File, None) => {
            return add(
                Severity::Warning,
                "unknown_place",
                format!("where \"{name}\" is can't be read from the project"),
                "save the project with After Effects CC or newer; older ones keep paths in a form that is not read",
            );
        }
        (FootageKind::File, Some(file)) => file,
    };
    let was = if file.missing_at_save {
        ", and was missing when the project was saved"
    } else {
        ""
    };
    let path = short_path(&file.path);
    match (question.files)(file) {
        Presence::There => {}
        Presence::Missing => add(
            Severity::Error,
            "missing_footage",
            format!("\"{name}\" is not there: {path}{was}"),
            "put it beside the project (File > Dependencies > Collect Files), or name the folder it is in with --root",
        ),
        Presence::Outside => add(
            Severity::Warning,
            "footage_outside",
            format!("\"{name}\" would lie outside the folders that may be looked at: {path}{was}"),
            "collect the project's files, or name the folder it is in with --root",
        ),
        Presence::Packed => add(
            Severity::Note,
            "footage_packed",
            format!("\"{name}\" has to come from the same archive: {path}"),
            "unpack the archive to check it",
        ),
    }
}

/// The fonts that are needed, and those that are not at hand.
pub(super) fn fonts(question: &Question<'_>, layers: &[Place<'_>], findings: &mut Findings) {
    let mut needed: BTreeMap<&str, Place<'_>> = BTreeMap::new();
    for (comp, layer) in layers {
        for font in &layer.fonts {
            needed.entry(font).or_insert((*comp, *layer));
        }
    }
    if needed.is_empty() {
        return;
    }
    let Some(at_hand) = question.fonts else {
        findings.add(Finding {
            severity: Severity::Note,
            code: "fonts_needed",
            what: format!(
                "its texts use {}: {}",
                several(needed.len(), "font"),
                names(needed.keys().copied())
            ),
            comp: question.comp.map(|comp| short(&comp.name)),
            layer: None,
            remedy: "install them on every node; name the folder with them with --fonts to check"
                .to_owned(),
        });
        return;
    };
    for (font, user) in needed {
        if !at_hand.contains(font) {
            findings.add(Finding {
                severity: Severity::Error,
                code: "missing_font",
                what: format!("the font \"{}\" is not among those at hand", short(font)),
                comp: Some(short(&user.0.name)),
                layer: Some(place(user)),
                remedy: "add its file: After Effects would render another font in its place"
                    .to_owned(),
            });
        }
    }
}

/// Each effect a farm has to know of, with the first layer that has it.
pub(super) fn effects(layers: &[Place<'_>], findings: &mut Findings) {
    let mut used: BTreeMap<&str, (usize, Place<'_>)> = BTreeMap::new();
    for (comp, layer) in layers {
        for effect in &layer.effects {
            used.entry(effect).or_insert((0, (*comp, *layer))).0 += 1;
        }
    }
    for (match_name, (count, user)) in used {
        let facts = effects::about(match_name);
        for (severity, code, what, remedy) in of_effect(match_name, &facts) {
            findings.add(Finding {
                severity,
                code,
                what: format!("{what} ({}; {})", several(count, "use"), facts.source),
                comp: Some(short(&user.0.name)),
                layer: Some(place(user)),
                remedy: remedy.to_owned(),
            });
        }
    }
}

type About = (Severity, &'static str, String, &'static str);

fn of_effect(match_name: &str, facts: &EffectFacts) -> Vec<About> {
    let mut found = Vec::new();
    let shown = match facts.name {
        Some(name) => format!("{name} (\"{match_name}\")"),
        None => format!("\"{}\"", short(match_name)),
    };
    if facts.origin == Origin::Plugin {
        let maker = facts
            .vendor
            .map(|maker| format!(" by {maker}"))
            .unwrap_or_default();
        found.push((
            Severity::Warning,
            "plugin",
            format!("{shown} is a plug-in{maker} that does not come with After Effects"),
            "install it with a licence on every node that renders this, the same version on all",
        ));
    }
    match (facts.past, facts.split()) {
        (Past::Simulated, Split::Free | Split::Long | Split::Whole) => found.push((
            Severity::Warning,
            "needs_past",
            format!("{shown} is a simulation: each frame needs those before it"),
            "let the farm split it into few long frame jobs, or pre-render the layer",
        )),
        (Past::Feedback, _) => found.push((
            Severity::Error,
            "needs_past",
            format!("{shown} draws over what it drew before"),
            "render it on one node from its first frame, or pre-render the layer",
        )),
        (Past::Analysed, _) => found.push((
            Severity::Warning,
            "needs_analysis",
            format!("{shown} works from an analysis that is saved in the project"),
            "let the analysis finish in After Effects and save before submitting",
        )),
        (Past::Neighbours, _) => found.push((
            Severity::Note,
            "needs_neighbours",
            format!("{shown} reads frames beside the one it renders"),
            "nothing has to be done; frames cost more",
        )),
        (Past::None, _) => {}
    }
    match facts.gpu {
        Gpu::Needed => found.push((
            Severity::Warning,
            "needs_gpu",
            format!("{shown} renders on a graphics card only"),
            "render it on nodes with a graphics card that are logged in, not run as a service",
        )),
        Gpu::Optional => found.push((
            Severity::Note,
            "may_use_gpu",
            format!("{shown} may draw differently with and without a graphics card"),
            "set it to the processor, or use nodes that are alike",
        )),
        Gpu::No => {}
    }
    found
}

/// Expressions can reach what the project does not show, and fail on a node alone.
pub(super) fn expressions(project: &Project, layers: &[Place<'_>], findings: &mut Findings) {
    let with: Vec<&Place<'_>> = layers
        .iter()
        .filter(|(_, layer)| layer.expressions > 0)
        .collect();
    let Some(first) = with.first() else {
        return;
    };
    let count: u64 = with
        .iter()
        .map(|(_, layer)| u64::from(layer.expressions))
        .sum();
    let engine = if project.expression_engine.is_empty() {
        String::new()
    } else {
        format!(", in {}", short(&project.expression_engine))
    };
    findings.add(Finding {
        severity: Severity::Note,
        code: "expressions",
        what: format!(
            "{count} properties on {} are computed by expressions{engine}",
            several(with.len(), "layer")
        ),
        comp: Some(short(&first.0.name)),
        layer: Some(place(**first)),
        remedy: "one that fails is switched off and renders on: look at the first frame".to_owned(),
    });
    for (comp, layer) in with.iter().filter(|(_, layer)| layer.text_computed) {
        findings.add(Finding {
            severity: Severity::Note,
            code: "computed_text",
            what: "an expression writes its text: what is shown and its font may differ from what is stored".to_owned(),
            comp: Some(short(&comp.name)),
            layer: Some(place((comp, layer))),
            remedy: "make sure that fonts for every value are on the nodes".to_owned(),
        });
    }
}

/// A solo switch that was left on hides everything else.
pub(super) fn solo(comps: &[&Composition], findings: &mut Findings) {
    let mut known = HashSet::new();
    for comp in comps {
        let solo: BTreeSet<&str> = comp
            .layers
            .iter()
            .filter(|layer| layer.switches.solo)
            .map(|layer| layer.name.as_str())
            .collect();
        if solo.is_empty() || solo.len() == comp.layers.len() || !known.insert(comp.id) {
            continue;
        }
        findings.add(Finding {
            severity: Severity::Warning,
            code: "solo",
            what: format!(
                "solo is on for {}: nothing else of it may be rendered",
                names(solo.into_iter())
            ),
            comp: Some(short(&comp.name)),
            layer: None,
            remedy: "switch solo off, or render with settings that ignore it".to_owned(),
        });
    }
}
