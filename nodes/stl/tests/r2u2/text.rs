//! A formula in the text form, with the freedom that the language gives.

use super::random::Random;
use super::{EVER, Formula};

/// Names of the signals, by number.
pub const NAMES: [&str; super::random::SIGNALS] = ["a", "b", "c"];

/// Samples come every 10 ms. The spelling of operators and bounds is drawn from `random`.
pub fn text(formula: &Formula, random: &mut Random) -> String {
    use Formula::{
        And, EngineSince, Greater, GreaterEqual, Historically, Implies, Less, LessEqual, Not, Once, Or, Since,
    };
    match formula {
        Less { signal, limit } => comparison(random, *signal, ["<", ">"], *limit),
        LessEqual { signal, limit } => comparison(random, *signal, ["<=", ">="], *limit),
        Greater { signal, limit } => comparison(random, *signal, [">", "<"], *limit),
        GreaterEqual { signal, limit } => comparison(random, *signal, [">=", "<="], *limit),
        Not(of) => format!("{} ({})", pick(random, &["not", "!"]), text(of, random)),
        And(left, right) => infix(random, left, &["and", "&"], "", right),
        Or(left, right) => infix(random, left, &["or", "|"], "", right),
        Implies(left, right) => infix(random, left, &["implies", "->"], "", right),
        Once { from, to, of } => prefix(random, &["once", "O"], *from, *to, of),
        Historically { from, to, of } => prefix(random, &["historically", "H"], *from, *to, of),
        Since { from, to, left, right } => {
            let bounds = interval(random, *from, *to);
            infix(random, left, &["since", "S"], &bounds, right)
        }
        EngineSince { .. } => panic!("the language has no such operator"),
    }
}

fn pick<'a>(random: &mut Random, words: &[&'a str]) -> &'a str {
    words[random.below(words.len() as u64) as usize]
}

fn comparison(random: &mut Random, signal: usize, [forth, back]: [&str; 2], limit: f64) -> String {
    let name = NAMES[signal];
    match random.below(3) {
        0 => format!("{name} {forth} {limit}"),
        1 => format!("{limit} {back} {name}"),
        _ => format!("2 * {name} - ({limit}) {forth} {limit}"),
    }
}

fn infix(random: &mut Random, left: &Formula, words: &[&str], bounds: &str, right: &Formula) -> String {
    let word = pick(random, words);
    format!("({}) {word}{bounds} ({})", text(left, random), text(right, random))
}

fn prefix(random: &mut Random, words: &[&str], from: u32, to: u32, of: &Formula) -> String {
    let word = pick(random, words);
    format!("{word}{} ({})", interval(random, from, to), text(of, random))
}

fn interval(random: &mut Random, from: u32, to: u32) -> String {
    if to == EVER {
        return String::new();
    }
    match random.below(3) {
        0 => format!("[{:.2}:{:.2}]", f64::from(from) / 100.0, f64::from(to) / 100.0),
        1 => format!("[{}:{} ms]", from * 10, to * 10),
        _ => format!("[{} ms : {:.2}s]", from * 10, f64::from(to) / 100.0),
    }
}
