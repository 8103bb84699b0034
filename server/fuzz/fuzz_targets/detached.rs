//! What comes back from a node whose work is followed, in pieces of any size: what
//! is passed on is what the offset says, and after an end nothing more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_server_fuzz::major_tom::detached::stream::Stream;

fuzz_target!(|bytes: &[u8]| {
    let [size, rest @ ..] = bytes else {
        return;
    };
    let mut stream = Stream::new("m", 7);
    let mut passed = 0u64;
    for piece in rest.chunks(usize::from(*size).max(1)) {
        let over = stream.end().is_some() || stream.is_broken();
        let before = passed;
        stream.take(piece, &mut |data| passed += data.len() as u64);
        assert!(!over || passed == before);
    }
    assert_eq!(stream.offset(), 7 + passed);
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
