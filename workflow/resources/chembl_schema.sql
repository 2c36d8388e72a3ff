-- The tables of ChEMBL 37 that the workflow reads, as in ChEMBL's SQLite dump.
--
-- Columns, types, NOT NULL, primary keys, unique constraints and indexes are complete and carry
-- ChEMBL's names. Left out are foreign keys and check constraints: most refer to the lookup
-- tables that are not here, and SQLite ignores foreign keys unless told otherwise.
--
-- BIGINT PRIMARY KEY is ChEMBL's choice: unlike INTEGER PRIMARY KEY it is no alias of SQLite's
-- rowid, so a look-up by key goes through an index, here as in the dump.

CREATE TABLE activities (
    activity_id           BIGINT NOT NULL,
    assay_id              BIGINT NOT NULL,
    doc_id                BIGINT,
    record_id             BIGINT NOT NULL,
    molregno              BIGINT,
    standard_relation     VARCHAR(50),
    standard_value        FLOAT,
    standard_units        VARCHAR(100),
    standard_flag         SMALLINT,
    standard_type         VARCHAR(250),
    activity_comment      VARCHAR(4000),
    data_validity_comment VARCHAR(30),
    potential_duplicate   SMALLINT,
    pchembl_value         NUMERIC(4, 2),
    bao_endpoint          VARCHAR(11),
    uo_units              VARCHAR(10),
    qudt_units            VARCHAR(70),
    toid                  INTEGER,
    upper_value           FLOAT,
    standard_upper_value  FLOAT,
    src_id                INTEGER,
    type                  VARCHAR(250) NOT NULL,
    relation              VARCHAR(50),
    value                 FLOAT,
    units                 VARCHAR(100),
    text_value            VARCHAR(1000),
    standard_text_value   VARCHAR(1000),
    action_type           VARCHAR(50),
    modality              VARCHAR(1000),
    CONSTRAINT pk_act_activity_id PRIMARY KEY (activity_id)
);
CREATE INDEX fk_act_assay_id ON activities (assay_id);
CREATE INDEX fk_act_doc_id ON activities (doc_id);
CREATE INDEX fk_act_molregno ON activities (molregno);
CREATE INDEX fk_act_record_id ON activities (record_id);
CREATE INDEX idx_acc_relation ON activities (standard_relation);
CREATE INDEX idx_act_modality ON activities (modality);
CREATE INDEX idx_act_pchembl ON activities (pchembl_value);
CREATE INDEX idx_act_rel ON activities (relation);
CREATE INDEX idx_act_src_id ON activities (src_id);
CREATE INDEX idx_act_std_text ON activities (standard_text_value);
CREATE INDEX idx_act_std_type ON activities (standard_type);
CREATE INDEX idx_act_std_unit ON activities (standard_units);
CREATE INDEX idx_act_std_upper ON activities (standard_upper_value);
CREATE INDEX idx_act_std_val ON activities (standard_value);
CREATE INDEX idx_act_text ON activities (text_value);
CREATE INDEX idx_act_type ON activities (type);
CREATE INDEX idx_act_units ON activities (units);
CREATE INDEX idx_act_upper ON activities (upper_value);
CREATE INDEX idx_act_val ON activities (value);

CREATE TABLE assays (
    assay_id                   BIGINT NOT NULL,
    doc_id                     BIGINT NOT NULL,
    description                VARCHAR(4000),
    assay_type                 VARCHAR(1),
    assay_test_type            VARCHAR(20),
    assay_category             VARCHAR(50),
    assay_organism             VARCHAR(250),
    assay_tax_id               BIGINT,
    assay_strain               VARCHAR(200),
    assay_tissue               VARCHAR(100),
    assay_cell_type            VARCHAR(100),
    assay_subcellular_fraction VARCHAR(100),
    tid                        BIGINT,
    relationship_type          VARCHAR(1),
    confidence_score           SMALLINT,
    src_id                     INTEGER NOT NULL,
    src_assay_id               VARCHAR(50),
    chembl_id                  VARCHAR(20) NOT NULL,
    cell_id                    BIGINT,
    bao_format                 VARCHAR(11),
    tissue_id                  BIGINT,
    variant_id                 BIGINT,
    aidx                       VARCHAR(200) NOT NULL,
    assay_group                VARCHAR(200),
    CONSTRAINT pk_assays_assay_id PRIMARY KEY (assay_id),
    CONSTRAINT uk_assays_chemblid UNIQUE (chembl_id)
);
CREATE INDEX idx_assay_assay_id ON assays (assay_type);
CREATE UNIQUE INDEX idx_assays_chembl_id ON assays (chembl_id);
CREATE INDEX idx_assays_desc ON assays (description);
CREATE INDEX idx_assays_doc_id ON assays (doc_id);
CREATE INDEX idx_assays_src_id ON assays (src_id);
CREATE INDEX tmp_bao_format ON assays (bao_format);

CREATE TABLE compound_structures (
    molregno           BIGINT NOT NULL,
    molfile            TEXT,
    standard_inchi     VARCHAR(4000),
    standard_inchi_key VARCHAR(27) NOT NULL,
    canonical_smiles   VARCHAR(4000),
    CONSTRAINT pk_cmpdstr_molregno PRIMARY KEY (molregno),
    CONSTRAINT uk_cmpdstr_stdinch UNIQUE (standard_inchi),
    CONSTRAINT uk_cmpdstr_stdinchkey UNIQUE (standard_inchi_key)
);
CREATE UNIQUE INDEX compound_structures_pk ON compound_structures (molregno);
CREATE INDEX idx_cmpdstr_smiles ON compound_structures (canonical_smiles);
CREATE INDEX idx_cmpdstr_stdinchi ON compound_structures (standard_inchi);
CREATE INDEX idx_cmpdstr_stdkey ON compound_structures (standard_inchi_key);

CREATE TABLE docs (
    doc_id            BIGINT NOT NULL,
    journal           VARCHAR(50),
    year              INTEGER,
    volume            VARCHAR(50),
    issue             VARCHAR(50),
    first_page        VARCHAR(50),
    last_page         VARCHAR(50),
    pubmed_id         BIGINT,
    doi               VARCHAR(100),
    chembl_id         VARCHAR(20) NOT NULL,
    title             VARCHAR(500),
    doc_type          VARCHAR(50) NOT NULL,
    authors           VARCHAR(4000),
    abstract          TEXT,
    patent_id         VARCHAR(20),
    ridx              VARCHAR(200) NOT NULL,
    src_id            INTEGER NOT NULL,
    chembl_release_id INTEGER,
    contact           VARCHAR(200),
    CONSTRAINT pk_docs_doc_id PRIMARY KEY (doc_id),
    CONSTRAINT uk_docs_chemblid UNIQUE (chembl_id)
);
CREATE INDEX bmx_doc_iss ON docs (issue);
CREATE INDEX bmx_doc_jrnl ON docs (journal);
CREATE INDEX bmx_doc_vol ON docs (volume);
CREATE INDEX bmx_doc_year ON docs (year);
CREATE INDEX idx_docs_pmid ON docs (pubmed_id);
CREATE UNIQUE INDEX pk_doc_doc_id ON docs (doc_id);

CREATE TABLE molecule_dictionary (
    molregno             BIGINT NOT NULL,
    pref_name            VARCHAR(255),
    chembl_id            VARCHAR(20) NOT NULL,
    max_phase            NUMERIC(2, 1),
    therapeutic_flag     SMALLINT NOT NULL,
    dosed_ingredient     SMALLINT NOT NULL,
    structure_type       VARCHAR(10) NOT NULL,
    molecule_type        VARCHAR(30),
    first_approval       INTEGER,
    oral                 SMALLINT NOT NULL,
    parenteral           SMALLINT NOT NULL,
    topical              SMALLINT NOT NULL,
    black_box_warning    SMALLINT NOT NULL,
    natural_product      SMALLINT NOT NULL,
    first_in_class       SMALLINT NOT NULL,
    chirality            SMALLINT NOT NULL,
    prodrug              SMALLINT NOT NULL,
    inorganic_flag       SMALLINT NOT NULL,
    usan_year            INTEGER,
    availability_type    SMALLINT,
    usan_stem            VARCHAR(50),
    polymer_flag         SMALLINT,
    usan_substem         VARCHAR(50),
    usan_stem_definition VARCHAR(1000),
    withdrawn_flag       SMALLINT NOT NULL,
    chemical_probe       SMALLINT NOT NULL,
    orphan               SMALLINT NOT NULL,
    veterinary           SMALLINT,
    CONSTRAINT pk_moldict_molregno PRIMARY KEY (molregno),
    CONSTRAINT uk_moldict_chemblid UNIQUE (chembl_id)
);
CREATE UNIQUE INDEX idx_moldict_chembl_id ON molecule_dictionary (chembl_id);
CREATE INDEX idx_moldict_max_phase ON molecule_dictionary (max_phase);
CREATE INDEX idx_moldict_pref_name ON molecule_dictionary (pref_name);
CREATE INDEX idx_moldict_ther_flag ON molecule_dictionary (therapeutic_flag);

CREATE TABLE molecule_hierarchy (
    molregno        BIGINT NOT NULL,
    parent_molregno BIGINT,
    active_molregno BIGINT,
    CONSTRAINT pk_molhier_molregno PRIMARY KEY (molregno)
);
CREATE INDEX idx_molhier_parent ON molecule_hierarchy (parent_molregno);

CREATE TABLE target_dictionary (
    tid                BIGINT NOT NULL,
    target_type        VARCHAR(30),
    pref_name          VARCHAR(200) NOT NULL,
    tax_id             BIGINT,
    organism           VARCHAR(150),
    chembl_id          VARCHAR(20) NOT NULL,
    species_group_flag SMALLINT NOT NULL,
    CONSTRAINT pk_targdict_tid PRIMARY KEY (tid),
    CONSTRAINT uk_targdict_chemblid UNIQUE (chembl_id)
);
CREATE INDEX idx_td_chembl_id ON target_dictionary (chembl_id);
CREATE INDEX idx_td_org ON target_dictionary (organism);
CREATE INDEX idx_td_pname ON target_dictionary (pref_name);
CREATE INDEX idx_td_t_type ON target_dictionary (target_type);
CREATE INDEX idx_td_taxid ON target_dictionary (tax_id);

CREATE TABLE version (
    name          VARCHAR(50) NOT NULL,
    creation_date DATETIME,
    comments      VARCHAR(2000),
    CONSTRAINT pk_version_name PRIMARY KEY (name)
);
