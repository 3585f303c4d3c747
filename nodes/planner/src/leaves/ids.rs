//! Names that trees give to planners and controllers. One that there is none of is refused: in the XML when the tree is built,
//! from the blackboard when it is used.

use crate::navigator::Navigator;
use outrider_bt::{BtError, Fault, Io};

/// Names for one kind of thing.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// The input port that has the name.
    port: &'static str,
    /// What it is a name of.
    thing: &'static str,
    /// The names; the first is what an empty one stands for.
    known: &'static [&'static str],
}

/// Nav2's name of the plain search, which takes the lattice's help where the outline does not fit.
const GRID: &str = "GridBased";
/// The search with the robot's outline and heading.
const LATTICE: &str = "Lattice";
/// What the port of planners says of them.
pub const PLANNER_DOC: &str = "GridBased: on the grid, and by the lattice where the outline does not fit along that path; Lattice: with the \
     robot's outline and heading; none of them: the first. Any other is an error";
/// What the port of controllers says of them.
pub const CONTROLLER_DOC: &str =
    "FollowPath, as Nav2 names it, or none: there is one controller. Any other is an error";
/// Planners.
pub const PLANNERS: Ids = Ids { port: "planner_id", thing: "planner", known: &[GRID, LATTICE] };
/// Controllers.
pub const CONTROLLERS: Ids = Ids { port: "controller_id", thing: "controller", known: &["FollowPath"] };

impl Ids {
    /// Looks at a name that stands in the XML.
    ///
    /// # Errors
    /// When it is not known.
    pub fn check(&self, io: &mut Io<'_>) -> Result<(), Fault> {
        if io.is_constant(self.port) {
            self.chosen(io)?.map_err(|text| Box::new(BtError::Value(text)))?;
        }
        Ok(())
    }

    /// The name that is known; `None` when it is not, which the navigator then gives as its trouble with this code.
    ///
    /// # Errors
    /// When the port cannot be read.
    pub fn find(
        &self,
        io: &mut Io<'_>,
        navigator: &mut Navigator,
        invalid: u16,
    ) -> Result<Option<&'static str>, Fault> {
        Ok(self.chosen(io)?.map_err(|text| navigator.refuse(invalid, text)).ok())
    }

    fn chosen(&self, io: &mut Io<'_>) -> Result<Result<&'static str, String>, Fault> {
        let asked = if io.has(self.port) { Some(io.text(self.port)?) } else { None };
        let name = asked.as_deref().unwrap_or_default();
        let known = self.known.iter().find(|known| name.is_empty() || **known == name).copied();
        Ok(known.ok_or_else(|| {
            let Self { port, thing, known } = self;
            format!("port `{port}`: there is no {thing} `{name}`; there is: {}", known.join(", "))
        }))
    }
}

/// The planner is the one with the outline.
pub fn is_lattice(planner: &str) -> bool {
    planner == LATTICE
}
