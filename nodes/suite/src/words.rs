//! The codes of messages in words, for people.

use outrider_msgs::outrider_msgs::{Decision, GateState, Permit, TreeTransition};

/// A mode of assurance, of [`Permit`].
pub fn mode(mode: u8) -> &'static str {
    match mode {
        Permit::NOMINAL => "nominal",
        Permit::DEGRADED => "degraded",
        Permit::SAFE_STOP => "safe stop",
        Permit::E_STOP => "e-stop",
        _ => "unknown",
    }
}

/// A mode of the gate.
pub fn gate_mode(mode: u8) -> &'static str {
    match mode {
        GateState::DISARMED => "disarmed",
        GateState::STOPPING => "stopping",
        GateState::FORWARDING => "forwarding",
        GateState::TELEOP => "teleop",
        GateState::E_STOP => "e-stop",
        _ => "unknown",
    }
}

/// A status of the planner's tree, of [`Decision`], or of one of its nodes: the codes are the same.
pub fn tree_status(status: u8) -> &'static str {
    const { assert!(Decision::RUNNING == TreeTransition::RUNNING && Decision::FAILURE == TreeTransition::FAILURE) };
    match status {
        Decision::IDLE => "idle",
        Decision::RUNNING => "running",
        Decision::SUCCESS => "success",
        Decision::FAILURE => "failure",
        _ => "unknown",
    }
}

/// Why a node of the tree changed its status; `…` stands for the name of the node that did it.
pub fn tree_cause(cause: u8) -> &'static str {
    match cause {
        TreeTransition::TICK => "ticked by …",
        TreeTransition::FAILURE_IF => "its _failureIf was true",
        TreeTransition::SUCCESS_IF => "its _successIf was true",
        TreeTransition::WHILE => "its _while was true no more",
        TreeTransition::RESET => "made ready again by …",
        TreeTransition::HALT => "halted by …",
        TreeTransition::TIMEOUT => "halted: the time of … was over",
        TreeTransition::TREE => "the whole tree was halted",
        _ => "of an unknown cause",
    }
}
