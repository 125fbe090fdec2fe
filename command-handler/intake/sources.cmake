set(VOUCH_INTAKE_SOURCES
    intake/amount_scale.cc
    intake/claimed_facts.cc
    intake/command_bodies.cc
    intake/command_json.cc
    intake/command_shape.cc
    intake/envelope.cc
    intake/field_reader.cc
    intake/handler_directory.cc
    intake/json_place.cc
    intake/raw_command.cc
    intake/raw_line_reader.cc
    intake/routing.cc
    intake/stream_directory.cc
    intake/time_text.cc
    intake/validation.cc)

# Its parser, a member, is a template over what only this source knows: it is built by itself.
set_source_files_properties(intake/command_json.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
