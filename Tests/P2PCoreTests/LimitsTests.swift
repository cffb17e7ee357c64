import Testing

@testable import P2PCore
