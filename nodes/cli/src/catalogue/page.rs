//! The page of the scenario library, `docs/scenarios.md`.

use super::{Entry, Library};
use outrider_suite::scenario::{CriticalityClass, Family};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: &str = "\
# The scenario library

Made by `outrider scenarios --write docs/scenarios.md` from the files in `tests/scenarios`; a test compares. What a scenario file may
say and how runs are judged is in [evaluation.md](evaluation.md); which requirement is tried by what, in [traceability.md](traceability.md).

    outrider evaluate tests/scenarios/standard.yaml --out runs/standard      # what every change has to pass
    outrider evaluate tests/scenarios/critical.yaml --seeds 1 --out runs/critical    # with every commit
    outrider evaluate tests/scenarios/crossing/person_crosses.yaml --out runs/one    # one of them
";

const RUBRIC: &str = "\
## What comes first

Every rationale begins with a rating, `S2 E3 C1:`, after the manner of ISO 26262-3 and of the risk graph of ISO 13849-1, for a robot of
about 60 kg at 1 m/s. The class follows from it, and a test checks that it does.

| | 0 | 1 | 2 | 3 | 4 |
|---|---|---|---|---|---|
| **S**, severity: what a failure does | nobody is hurt, nothing breaks | damage, or pain that passes | an injury that heals | an injury for life | |
| **E**, exposure: how often a robot meets it | | less than once a year | some times a year | every week | every shift |
| **C**, control: what others can do about it | | nearly everybody avoids the harm | most people avoid it | hardly anybody can: it comes too late or is not seen | |

| class | when | what it means |
|---|---|---|
| critical | S at least 2 and S + E + C at least 6 | 98 % of these runs have to pass; a change that makes one of them fail is looked at before anything else |
| minor | S is 0, or S + E + C at most 4 | a nuisance: mended when somebody is there anyway |
| major | all others | damage, or a robot that is of no use |

Among scenarios of one class the one with the greater sum comes first; hard constraints (no contact, no exclusion zone, no speed over the
limit, no movement unarmed) come before all, in whatever scenario they are broken.
";

/// The page.
pub fn text(library: &Library) -> String {
    let mut page = format!("{HEAD}\n{RUBRIC}\n");
    families(library, &mut page);
    situations(library, &mut page);
    catalogue(library, &mut page);
    open(library, &mut page);
    page
}

/// Writing to a string cannot fail.
fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
    page.push('\n');
}

fn class(entry: &Entry) -> Option<CriticalityClass> {
    entry.scenario.criticality.as_ref().map(|c| c.class)
}

fn class_name(entry: &Entry) -> &'static str {
    match class(entry) {
        Some(CriticalityClass::Critical) => "critical",
        Some(CriticalityClass::Major) => "major",
        Some(CriticalityClass::Minor) => "minor",
        None => "",
    }
}

fn families_of(library: &Library) -> BTreeSet<Family> {
    library.standard.iter().filter_map(|e| e.scenario.family).collect()
}

fn families(library: &Library, page: &mut String) {
    let (scenarios, runs) = (library.standard.len(), library.runs());
    line(page, format_args!("## Families\n\n{scenarios} scenarios, {runs} runs.\n"));
    line(page, format_args!("| family | critical | major | minor | runs |\n|---|---|---|---|---|"));
    let row = |page: &mut String, name: &str, of: &[&Entry]| {
        let count = |c| of.iter().filter(|e| class(e) == Some(c)).count();
        let (critical, major, minor) = (
            count(CriticalityClass::Critical),
            count(CriticalityClass::Major),
            count(CriticalityClass::Minor),
        );
        let runs: usize = of.iter().map(|e| e.runs).sum();
        line(page, format_args!("| {name} | {critical} | {major} | {minor} | {runs} |"));
    };
    for family in families_of(library) {
        let of: Vec<&Entry> = library.standard.iter().filter(|e| e.scenario.family == Some(family)).collect();
        row(page, &family.name(), &of);
    }
    row(page, "**all**", &library.standard.iter().collect::<Vec<_>>());
}

fn situations(library: &Library, page: &mut String) {
    line(
        page,
        format_args!(
            "\n## Critical situations\n\nThe list of `config/release_gate.yaml`, after the hazards of ISO 3691-4 (driverless trucks), \
             ISO 12100, and ISO 13482 (robots among people).\nBold: in `critical.yaml`.\n"
        ),
    );
    line(page, format_args!("| situation | what | tried by |\n|---|---|---|"));
    for situation in &library.situations {
        let covering = library.standard.iter().filter(|e| e.covers(&situation.id));
        let mut names: Vec<String> = covering.map(|e| name(library, e)).collect();
        let open = library.open.iter().filter(|e| e.covers(&situation.id));
        names.extend(open.map(|e| format!("{} (open)", e.scenario.id)));
        line(page, format_args!("| {} | {} | {} |", situation.id, situation.what, names.join(", ")));
    }
}

fn name(library: &Library, entry: &Entry) -> String {
    let id = &entry.scenario.id;
    if library.critical.contains(id) { format!("**{id}**") } else { id.clone() }
}

fn catalogue(library: &Library, page: &mut String) {
    line(page, format_args!("\n## Catalogue"));
    for family in families_of(library) {
        line(page, format_args!("\n### {}\n", family.name()));
        table(library.standard.iter().filter(|e| e.scenario.family == Some(family)), page);
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn table<'a>(entries: impl Iterator<Item = &'a Entry>, page: &mut String) {
    line(page, format_args!("| scenario | what | class | why | ends | runs | requirements |"));
    line(page, format_args!("|---|---|---|---|---|---|---|"));
    for entry in entries {
        let s = &entry.scenario;
        let rationale = s.criticality.as_ref().map_or("", |c| c.rationale.as_str());
        let outcome = serde_json::to_value(s.expect.outcome).unwrap_or_default();
        line(
            page,
            format_args!(
                "| [{}](../tests/scenarios/{}) | {} | {} | {} | {} | {} | {} |",
                s.id,
                entry.file,
                cell(&s.description),
                class_name(entry),
                cell(rationale),
                outcome.as_str().unwrap_or_default(),
                entry.runs,
                s.requirements.join(", "),
            ),
        );
    }
}

fn open(library: &Library, page: &mut String) {
    if library.open.is_empty() {
        return;
    }
    line(
        page,
        format_args!(
            "\n## Open\n\nRight, and not passed yet: [tests/scenarios/open](../tests/scenarios/open/README.md) says what happens instead. They \
             are in no suite, and move into their family's folder when they pass.\n"
        ),
    );
    table(library.open.iter(), page);
}
