import Testing

@testable import SwarmCore
