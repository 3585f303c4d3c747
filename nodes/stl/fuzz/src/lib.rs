//! What must hold of `outrider_stl` whatever is thrown at it. A violation is a panic that prints the case.

mod bytes;
pub mod engine;
mod functions;
mod grammar;
mod laws;
mod oracle;
pub mod parser;
mod trace;

use outrider_stl::StlError;

/// An error names a place that exists: at most one column after the end of its line.
fn refused_at_a_place(error: &StlError, text: &str) {
    let shown = error.to_string();
    let mut numbers = shown.splitn(3, ':').map(str::parse::<usize>);
    let (Some(Ok(line)), Some(Ok(column))) = (numbers.next(), numbers.next()) else {
        panic!("no line and column in {shown:?}");
    };
    let length = line.checked_sub(1).and_then(|i| text.split('\n').nth(i)).map(|l| l.chars().count());
    assert!(
        length.is_some_and(|length| (1..=length + 1).contains(&column)),
        "{shown:?} is outside of {text:?}"
    );
}
