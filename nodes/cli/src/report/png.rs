//! A map as a small image: PNG with a palette of four, two bits a pixel, as a data URI.

use super::recording::Map;

/// The most pixels; larger maps are drawn coarser.
const PIXEL_LIMIT: usize = 1_500_000;
/// The longest stored block of deflate.
const BLOCK_LIMIT: usize = 65_535;

/// What a pixel shows; the greater wins where cells share one.
const FREE: u8 = 0;
const DOUBTFUL: u8 = 1;
const UNKNOWN: u8 = 2;
const OCCUPIED: u8 = 3;
/// Red, green, blue of the four; drawn on a light ground and inverted by the page on a dark one.
const PALETTE: [u8; 12] = [255, 255, 255, 150, 156, 164, 128, 134, 142, 40, 46, 54];
/// Their opacity.
const ALPHA: [u8; 4] = [0, 120, 60, 255];

/// The map as `data:image/png;base64,…`, its first row at the top of the picture being the greatest y.
pub fn map_data_uri(map: &Map) -> String {
    format!("data:image/png;base64,{}", base64(&encode(map)))
}

fn encode(map: &Map) -> Vec<u8> {
    let mut factor = 1;
    while map.width.div_ceil(factor) * map.height.div_ceil(factor) > PIXEL_LIMIT {
        factor += 1;
    }
    let (width, height) = (map.width.div_ceil(factor), map.height.div_ceil(factor));
    let mut pixels = vec![FREE; width * height];
    for (row, line) in map.cells.chunks(map.width).enumerate() {
        let y = height - 1 - row / factor;
        for (col, cell) in line.iter().enumerate() {
            let class = match cell {
                0..=25 => FREE,
                26..=64 => DOUBTFUL,
                65..=100 => OCCUPIED,
                _ => UNKNOWN,
            };
            if let Some(pixel) = pixels.get_mut(y * width + col / factor) {
                *pixel = class.max(*pixel);
            }
        }
    }
    let mut raw = Vec::new();
    for line in pixels.chunks(width) {
        raw.push(0); // no filter
        raw.extend(
            line.chunks(4).map(|four| {
                four.iter().enumerate().fold(0u8, |byte, (i, pixel)| byte | (pixel << (6 - 2 * i)))
            }),
        );
    }
    let mut head = Vec::new();
    head.extend((width as u32).to_be_bytes());
    head.extend((height as u32).to_be_bytes());
    head.extend([2, 3, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &head);
    chunk(&mut png, b"PLTE", &PALETTE);
    chunk(&mut png, b"tRNS", &ALPHA);
    chunk(&mut png, b"IDAT", &zlib_stored(&raw));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    png.extend(kind);
    png.extend(data);
    let crc = kind.iter().chain(data).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    });
    png.extend((!crc).to_be_bytes());
}

/// RFC 1950 around RFC 1951 without compression: four pixels a byte are small enough.
fn zlib_stored(raw: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = raw.len().div_ceil(BLOCK_LIMIT);
    for (i, block) in raw.chunks(BLOCK_LIMIT).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(i + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = raw.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend(((b << 16) | a).to_be_bytes());
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |acc, b| (acc << 8) | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * i)) as usize & 63).copied().unwrap_or(b'=');
            out.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Point2;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_small_map_byte_for_byte() {
        // Lower row: free, occupied, unknown. Upper row: occupied, free, free.
        let map = Map {
            resolution_m: 0.1,
            width: 3,
            height: 2,
            origin: Point2::default(),
            cells: vec![0, 100, -1, 100, 0, 0],
        };
        let png = encode(&map);
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..29], [0, 0, 0, 3, 0, 0, 0, 2, 2, 3, 0, 0, 0]);
        // Upper row first: a filter byte, then 11 00 00, then 00 11 10.
        let raw = [0u8, 0b1100_0000, 0, 0b0011_1000];
        assert!(png.windows(4).any(|w| w == raw));
        // CRC of an empty IEND chunk, as every PNG file ends.
        assert_eq!(&png[png.len() - 8..], [b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]);
        assert_eq!(&zlib_stored(b"Wikipedia")[16..], 0x11e6_0398u32.to_be_bytes());
    }

    #[test]
    fn a_great_map_is_drawn_coarser() {
        let cells = vec![0; 4000 * 1000];
        let map = Map { resolution_m: 0.05, width: 4000, height: 1000, origin: Point2::default(), cells };
        assert!(map_data_uri(&map).len() < 600_000);
    }
}
