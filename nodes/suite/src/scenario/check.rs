//! What no field of a scenario by itself tells: keys that do not go together.

use super::parameters::Sweep;
use super::{MissionAsk, MissionStep, Scenario};
use std::collections::BTreeMap;

/// Keys that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Keys that lead to what is wrong, from the outermost.
    pub keys: Vec<&'static str>,
    /// Which entry of the list that the first key names, from 0.
    pub entry: Option<usize>,
    /// A sentence that begins with the keys.
    pub why: String,
}

impl Misfit {
    fn new(keys: &[&'static str], why: String) -> Self {
        Self { keys: keys.to_vec(), entry: None, why }
    }

    fn of_entry(keys: &[&'static str], entry: usize, why: String) -> Self {
        Self { keys: keys.to_vec(), entry: Some(entry), why }
    }
}

impl Scenario {
    /// Whether everything goes together.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), Misfit> {
        let sampled = self.sweep == Sweep::Sampled;
        if sampled != self.samples.is_some() {
            return Err(Misfit::new(&["sweep"], "`samples` and `sweep: sampled` go together".to_owned()));
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        if let Some([twice, _]) = seeds.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(Misfit::new(&["seeds"], format!("seeds: {twice} stands there twice")));
        }
        self.check_world()?;
        self.check_names()?;
        self.check_times()?;
        for (i, step) in self.mission.iter().enumerate() {
            if let Some((key, why)) = step.misfit() {
                return Err(Misfit::of_entry(&["mission", key], i, format!("mission[{i}]: {key}: {why}")));
            }
        }
        self.check_expectations()?;
        let mut names = self.criteria.stl.iter().map(|named| named.name.as_str()).collect::<Vec<_>>();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(Misfit::new(
                &["criteria", "stl"],
                format!("criteria.stl: `{twice}` stands there twice"),
            ));
        }
        let formulas = self.criteria.formulas().map(drop);
        formulas.map_err(|why| Misfit::new(&["criteria", "stl"], why))
    }

    /// Actors and doors by themselves.
    fn check_world(&self) -> Result<(), Misfit> {
        let actors = self.actors.iter().enumerate().map(|(i, a)| ("actors", i, &a.name, a.misfit()));
        let doors = self.doors.iter().enumerate().map(|(i, d)| ("doors", i, &d.name, d.misfit()));
        for (list, entry, name, misfit) in actors.chain(doors) {
            if let Some((key, why)) = misfit {
                return Err(Misfit::of_entry(&[list, key], entry, format!("{list}: `{name}`: {key}: {why}")));
            }
        }
        Ok(())
    }

    /// Nobody and no door is called as another.
    fn check_names(&self) -> Result<(), Misfit> {
        let people = self.people.iter().flatten().enumerate().map(|(i, p)| ("people", i, p.name.clone()));
        let actors = self.actors.iter().enumerate();
        let actors = actors.flat_map(|(i, a)| a.names().into_iter().map(move |name| ("actors", i, name)));
        let doors = self.doors.iter().enumerate().map(|(i, d)| ("doors", i, d.name.clone()));
        let mut taken = BTreeMap::new();
        for (list, entry, name) in people.chain(actors).chain(doors) {
            if let Some((other, place)) = taken.get(&name) {
                let why = format!("{list}: `{name}`: name: it is taken already, by {other}[{place}]");
                return Err(Misfit::of_entry(&[list, "name"], entry, why));
            }
            taken.insert(name, (list, entry));
        }
        Ok(())
    }

    /// What begins when the run is over at the latest never begins.
    fn check_times(&self) -> Result<(), Misfit> {
        let limit_s = self.time_limit_s;
        let late =
            |at_s: f64| format!("{at_s} is not before time_limit_s, {limit_s}: it never comes to that");
        if self.goal_at_s >= limit_s {
            return Err(Misfit::new(&["goal_at_s"], format!("goal_at_s: {}", late(self.goal_at_s))));
        }
        let faults = self.faults.iter().enumerate();
        let faults = faults.map(|(i, f)| ("faults", i, format!("faults[{i}]"), f.at_s));
        let events = self.events.iter().enumerate();
        let events = events.map(|(i, e)| ("events", i, format!("events[{i}]"), e.at_s));
        let mission = self.mission.iter().enumerate();
        let mission = mission.map(|(i, s)| ("mission", i, format!("mission[{i}]"), s.at_s));
        let begins = self.actors.iter().enumerate();
        let begins =
            begins.map(|(i, a)| ("actors", i, format!("actors: `{}`: begins", a.name), a.begins.at_s));
        let doors = self.doors.iter().enumerate().flat_map(|(i, door)| {
            door.schedule
                .iter()
                .map(move |step| ("doors", i, format!("doors: `{}`: schedule", door.name), step.at_s))
        });
        for (list, entry, what, at_s) in faults.chain(events).chain(mission).chain(begins).chain(doors) {
            if at_s >= limit_s {
                return Err(Misfit::of_entry(
                    &[list, "at_s"],
                    entry,
                    format!("{what}: at_s: {}", late(at_s)),
                ));
            }
        }
        Ok(())
    }

    /// What is expected after a fault or an event is after one that there is.
    fn check_expectations(&self) -> Result<(), Misfit> {
        let (faults, events) = (self.faults.len(), self.events.len());
        for (list, occurrences) in [("must", &self.expect.must), ("must_not", &self.expect.must_not)] {
            for occurrence in occurrences {
                for (key, index, count) in [
                    ("after_fault", occurrence.after_fault, faults),
                    ("after_event", occurrence.after_event, events),
                ] {
                    if let Some(index) = index.filter(|index| *index >= count) {
                        let why = format!("expect.{list}: {key}: {index}: there are {count}, counted from 0");
                        return Err(Misfit::new(&["expect", list, key], why));
                    }
                }
                let fault = occurrence.after_fault.and_then(|i| self.faults.get(i)).map(|f| f.at_s);
                let event = occurrence.after_event.and_then(|i| self.events.get(i)).map(|e| e.at_s);
                let from_s = fault.or(event).unwrap_or(0.0) + occurrence.after_s.unwrap_or(0.0);
                if from_s >= self.time_limit_s {
                    let limit_s = self.time_limit_s;
                    let why = format!(
                        "expect.{list}: after_s: from {from_s} s on, which is not before time_limit_s, {limit_s}"
                    );
                    return Err(Misfit::new(&["expect", list, "after_s"], why));
                }
                if occurrence.after_fault.is_some() && occurrence.after_event.is_some() {
                    let why = format!("expect.{list}: after_fault and after_event: one of them");
                    return Err(Misfit::new(&["expect", list, "after_event"], why));
                }
            }
        }
        Ok(())
    }
}

impl MissionStep {
    /// A key that has no meaning beside the others, or is missing, and why.
    fn misfit(&self) -> Option<(&'static str, &'static str)> {
        let drives = matches!(self.ask, MissionAsk::Navigate | MissionAsk::Waypoints);
        let misfits = [
            (drives && self.poses.is_empty(), "ask", "there are no `poses` to drive to"),
            (!drives && !self.poses.is_empty(), "poses", "only `navigate` and `waypoints` have any"),
            (!drives && !self.tree.is_empty(), "tree", "only `navigate` and `waypoints` have one"),
            (self.ask != MissionAsk::Waypoints && self.loops > 0, "loops", "only `waypoints` have any"),
        ];
        misfits.into_iter().find(|(wrong, ..)| *wrong).map(|(_, key, why)| (key, why))
    }
}
