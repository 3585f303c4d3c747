//! The traceability matrix, `docs/traceability.md`.

use super::{Requirement, Trace};
use outrider_suite::scenario::CriticalityClass;
use std::fmt::Write as _;

const HEAD: &str = "\
# Traceability

Made by `outrider requirements --write docs` from `requirements.yaml`, the scenario library, `config/assurance/*.stl` and
`config/release_gate.yaml`; a test compares, and fails on a requirement that nothing shows, on a scenario, property or test that is named
and is not there, and on a scenario that names a requirement without standing in its list.
";

/// The page.
pub fn text(trace: &Trace) -> String {
    let mut page = HEAD.to_owned();
    let tests: usize = trace.requirements.iter().map(|r| r.verified_by.tests.len()).sum();
    let (count, scenarios) = (trace.requirements.len(), trace.library.standard.len());
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n{count} requirements, {scenarios} scenarios, {tests} references to tests, {} properties watched while driving.\n\n## Matrix\n\n\
         | requirement | class | scenarios | tests | properties | release gate |\n|---|---|---|---|---|---|\n",
        trace.properties.len()
    );
    for r in &trace.requirements {
        let scenarios = trace.library.trying(&r.id).count();
        let properties = properties(trace, r).count();
        let (tests, gate) = (r.verified_by.tests.len(), r.verified_by.gate.len());
        let class = class(r);
        let anchor = r.id.to_lowercase();
        let _ = writeln!(
            page,
            "| [{}](#{anchor}) | {class} | {scenarios} | {tests} | {properties} | {gate} |",
            r.id
        );
    }
    for requirement in &trace.requirements {
        section(trace, requirement, &mut page);
    }
    page
}

fn class(r: &Requirement) -> &'static str {
    match r.criticality {
        CriticalityClass::Critical => "critical",
        CriticalityClass::Major => "major",
        CriticalityClass::Minor => "minor",
    }
}

fn properties<'a>(trace: &'a Trace, r: &'a Requirement) -> impl Iterator<Item = &'a str> {
    trace.properties.iter().filter(|(_, id)| **id == r.id).map(|(file, _)| file.as_str())
}

fn section(trace: &Trace, r: &Requirement, page: &mut String) {
    let _ = write!(page, "\n## {}\n\n{} *{}*\n\n", r.id, r.text, r.rationale);
    let link = |e: &crate::catalogue::Entry| format!("[{}](../tests/scenarios/{})", e.scenario.id, e.file);
    let scenarios: Vec<String> = trace.library.trying(&r.id).map(link).collect();
    let open = trace.library.open.iter().filter(|e| e.scenario.requirements.contains(&r.id));
    let open: Vec<String> = open.map(link).collect();
    let tests: Vec<String> = r.verified_by.tests.iter().map(|t| test(t)).collect();
    let properties: Vec<String> =
        properties(trace, r).map(|f| format!("[{f}](../config/assurance/{f})")).collect();
    let gate: Vec<String> = r.verified_by.gate.iter().map(|k| format!("`{k}`")).collect();
    let parts = [
        ("scenarios", scenarios),
        ("open, not passed yet", open),
        ("tests", tests),
        ("watched while driving", properties),
        ("release gate", gate),
    ];
    for (what, list) in parts.iter().filter(|(_, list)| !list.is_empty()) {
        let _ = writeln!(page, "- {what}: {}", list.join(", "));
    }
}

fn test(reference: &str) -> String {
    let (file, name) = reference.split_once("::").unwrap_or((reference, ""));
    format!("[{name}](../{file})")
}
