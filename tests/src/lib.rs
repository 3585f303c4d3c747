//! Evaluation: architecture fence, scenario library, system and fault tests.
