import Testing

/// Readers of what others wrote, fed with what nobody should write. One after another, so that the peak of memory is that
/// of one.
@Suite(.serialized) struct FuzzTests {}
