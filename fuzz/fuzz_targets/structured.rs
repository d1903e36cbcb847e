//! Networks with scopes, residuals, joins, references, shared layers and loops: unrolled they are the same network, and so
//! is their expansion.

#![no_main]

use cnnstat::diag::Source;
use cnnstat::internals::lang;
use cnnstat::model::Asked;
use cnnstat_fuzz::{analysed, equal, structured};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(texts) = structured::texts(bytes) else { return Corpus::Reject };
    let read =
        |text: &String| lang::parse(&Source::new("m.yaml", text.as_str()), &Asked::default());
    match texts.each_ref().map(read) {
        [Ok(short), Ok(long)] => {
            equal(&short, &analysed(&short), &long, &texts.join("\nunrolled:\n"));
            cnnstat_fuzz::network(&short);
            Corpus::Keep
        }
        [Err(_), Err(_)] => Corpus::Reject,
        [short, long] => {
            let found = short.and(long).expect_err("one cannot be read");
            panic!("one of two equal networks cannot be read: {}\n{found:?}", texts.join("\n"));
        }
    }
});
