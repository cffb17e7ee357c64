import Testing

@testable import P2PWire
