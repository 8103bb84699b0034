//! What comes back from a node whose work is followed, in pieces of any size: what
//! is passed on, or is said to be left out, is what the offset says, and after an end
//! nothing more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shell::detached::stream::Stream;

fuzz_target!(|bytes: &[u8]| {
    let [size, rest @ ..] = bytes else {
        return;
    };
    let mut stream = Stream::new("m", 7);
    let (mut passed, mut left_out, mut words) = (0u64, 0u64, 0u64);
    for piece in rest.chunks(usize::from(*size).max(1)) {
        let over = stream.end().is_some() || stream.is_broken();
        let before = (passed, words);
        stream.take(piece, &mut |data| match not_fetched(data) {
            Some(bytes) => {
                left_out += bytes;
                words += data.len() as u64;
            }
            None => passed += data.len() as u64,
        });
        assert!(!over || (passed, words) == before);
    }
    // A node may print those words too; then they are what it printed.
    let told = stream.offset() - 7;
    assert!(words > 0 || told == passed);
    assert!((passed..=passed + left_out + words).contains(&told));
    assert!(passed <= rest.len() as u64);

    // The same in one piece. Of a frame that turns out to be broken a part may have
    // been passed on before that was seen; then it is asked for again.
    let mut whole = Stream::new("m", 7);
    whole.take(rest, &mut |_| {});
    assert_eq!(whole.is_broken(), stream.is_broken());
    assert_eq!(whole.end(), stream.end());
    if !stream.is_broken() {
        assert_eq!(whole.offset(), stream.offset());
    }
});

/// How many bytes are said to be left out.
fn not_fetched(data: &[u8]) -> Option<u64> {
    let words = std::str::from_utf8(data).ok()?;
    let rest = words.strip_prefix("\n[… ")?;
    let bytes = rest.strip_suffix(" bytes of output were not fetched …]\n")?;
    // No more than fit, as often as there is room for these words.
    bytes.parse().ok().filter(|bytes| *bytes <= 1 << 50)
}
