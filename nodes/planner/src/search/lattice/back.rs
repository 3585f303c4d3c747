#[derive(Clone, Debug, Default)]
pub struct Back { pub headings: Vec<u16>, pub list: Vec<u32> }
