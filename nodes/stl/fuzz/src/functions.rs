//! Functions of numbers and truths, by the names of the language.

/// Its value; truth is the sign, of zeros too.
pub fn value(name: &str, operands: &[f64]) -> f64 {
    match *operands {
        [a] => of_one(name, a),
        [a, b] => of_two(name, a, b),
        _ => panic!("{} operands", operands.len()),
    }
}

fn of_one(name: &str, a: f64) -> f64 {
    match name {
        "" => a,
        "not" | "!" | "-" => -a,
        "abs" => a.abs(),
        "sqrt" => a.sqrt(),
        "exp" => libm::exp(a),
        _ => panic!("no function {name}"),
    }
}

fn of_two(name: &str, a: f64, b: f64) -> f64 {
    let truth = |a: f64| !a.is_sign_negative();
    match name {
        "and" | "&" => least(a, b),
        "or" | "||" => -least(-a, -b),
        "->" | "implies" => -least(a, -b),
        "iff" | "<->" => signed((a - b).abs(), truth(a) == truth(b), true),
        "xor" => signed((a - b).abs(), truth(a) != truth(b), false),
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "pow" => libm::pow(a, b),
        "<" => compared(b - a, a < b),
        "<=" => compared(b - a, a <= b),
        ">" => compared(a - b, a > b),
        ">=" => compared(a - b, a >= b),
        "==" => signed((a - b).abs(), a == b, true),
        "!=" => signed((a - b).abs(), a != b, false),
        _ => panic!("no operator {name}"),
    }
}

/// On the limit the sign tells the truth.
fn compared(distance: f64, holds: bool) -> f64 {
    match (distance == 0.0, holds) {
        (false, _) => distance,
        (true, true) => 0.0,
        (true, false) => -0.0,
    }
}

/// A distance that counts against equality or for it.
fn signed(distance: f64, holds: bool, equality: bool) -> f64 {
    compared(if equality { -distance } else { distance }, holds)
}

/// The lesser, -0 below 0.
pub fn least(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_lt() { b } else { a }
}
